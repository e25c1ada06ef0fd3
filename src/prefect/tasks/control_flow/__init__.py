"""Tasks that decide which other tasks run."""

# These are imported at once, not when somebody asks: the class `case` has the name of its module, and Python makes a
# module an attribute of its package as soon as it is imported. A lazy door would then hand out the module.
from prefect.tasks.control_flow.case import case
from prefect.tasks.control_flow.conditional import CompareValue, Merge, ifelse, merge, switch
from prefect.tasks.control_flow.filter import FilterTask

__all__ = ["CompareValue", "FilterTask", "Merge", "case", "ifelse", "merge", "switch"]
