"""Flows as documents: plain values that can be written as JSON, without the code behind them."""
