"""Every error and signal base of the package.

```
BaseException
├── PrefectSignal                 control flow, not a mistake: `except Exception` lets it pass
│   ├── VersionLockMismatchSignal
│   └── TaskTimeoutSignal
└── Exception
    └── PrefectException          every mistake the package reports
        ├── TaskSignatureError         (ValueError)  a `run` that cannot be a task
        │   └── PositionalOnlyError    (TypeError)
        ├── TaskSettingError           (ValueError)  a setting with a value it cannot have
        │   ├── TaskSettingTypeError   (TypeError)   … or of a type it cannot have
        │   └── UnknownSetting         (AttributeError)  … or a setting that does not exist
        ├── TaskNotInitialized         (AttributeError)  a subclass forgot `super().__init__()`
        ├── ArgumentError              (TypeError)   a call that does not fit the task's `run`
        ├── FlowContextMissing         (ValueError)  a task used where no flow is being built
        ├── FlowContextActive          (RuntimeError)  a flow run while it is being built
        ├── GraphError                 (ValueError)  tasks and edges that cannot form a flow
        │   ├── CycleError
        │   └── GraphTypeError         (TypeError)
        ├── ParameterError             (ValueError)  unknown, missing or duplicate parameters
        ├── UnmappableError            (TypeError)   a value that has no elements in order
        ├── ScheduleError              (ValueError)  a schedule that cannot be, such as a cron line with a mistake
        │   └── ScheduleTypeError      (TypeError)
        ├── HandlerError               (TypeError)   a state handler returned something that is no state
        ├── RunnerError                (TypeError)   arguments that a runner does not take
        ├── SecretMissing              (ValueError)  a secret that is set nowhere
        ├── ConfigurationError         (ValueError)  a configuration file or variable that cannot be read
        ├── DocumentError              (ValueError)  a document that is broken, or of a newer format
        ├── FlowFileError              (ValueError)  a file that does not hold a flow which can be loaded
        ├── FlowFileMissing            (FileNotFoundError)
        ├── ExecutorError              (RuntimeError)  the hands are gone: a scheduler that died
        ├── ExecutorUsageError         (ValueError)  an executor with a setting it cannot have, or not started
        ├── ResultNotImplementedError  (NotImplementedError)  a result that cannot store values
        ├── ResultMissing              (FileNotFoundError)  nothing is stored at a location
        ├── ResultReleased             (LookupError) a large value that was let go after its last reader
        ├── ResultUnreadable           (ValueError)  what is stored is not what was written, or no value
        ├── ResultStoreError           (OSError)     the store refused: a full disk, no permission, no bucket
        └── StoreError                 (RuntimeError) anything about the history of runs
            ├── StoreUnavailable       (OSError)     the store cannot be reached or used at the moment
            ├── StoreUnreadable        (ValueError)  the file is damaged, no store, or of a newer version
            ├── StoreSettingError      (ValueError)  a setting of the store that it cannot have
            ├── RunMissing             (LookupError) no run, or several, by that id
            ├── RunHeld                              another process works at the run
            ├── RunTakenOver                         another process took over the run that this one works at
            └── ResumeError            (ValueError)  a run that cannot be resumed with this flow
```

The built-in type in brackets is a base too, so that code which catches the built-in error keeps working.
"""

from __future__ import annotations


class PrefectSignal(BaseException):
    """Base of everything raised to steer a run rather than to report a mistake."""


class VersionLockMismatchSignal(PrefectSignal):
    """Another process changed the state of this run first."""


class TaskTimeoutSignal(PrefectSignal):
    """A task ran longer than its timeout.

    Attributes:
        stack: where it was at that moment, if it is known.
    """

    stack: str | None = None


class PrefectException(Exception):
    """Base of every error that the package raises."""


class TaskSignatureError(PrefectException, ValueError):
    """The signature of a `run` method breaks a rule for tasks."""


class PositionalOnlyError(TaskSignatureError, TypeError):
    """A `run` method has positional-only arguments, but tasks receive every argument by name."""


class TaskSettingError(PrefectException, ValueError):
    """A setting of a task or flow has a value that it cannot have."""


class TaskSettingTypeError(TaskSettingError, TypeError):
    """A setting of a task or flow has a type that it cannot have."""


class UnknownSetting(TaskSettingError, AttributeError):
    """A copy of a task was to have a setting that the task does not have."""


class TaskNotInitialized(PrefectException, AttributeError):
    """A Task subclass was used although its `__init__` never called `super().__init__()`."""


class ArgumentError(PrefectException, TypeError):
    """A task was called with arguments that its `run` method does not take."""


class FlowContextMissing(PrefectException, ValueError):
    """No flow is being built: use the task inside `with Flow(...)`, pass `flow=`, or call `task.run(...)`."""


class FlowContextActive(PrefectException, RuntimeError):
    """The flow is still being built: leave its `with` block first."""


class GraphError(PrefectException, ValueError):
    """Tasks and edges that cannot form a flow."""


class CycleError(GraphError):
    """The tasks of a flow wait for each other in a circle."""


class GraphTypeError(GraphError, TypeError):
    """Something that is not a task was put where only a task can stand."""


class ParameterError(PrefectException, ValueError):
    """Parameters of a flow are unknown, missing or named twice."""


class UnmappableError(PrefectException, TypeError):
    """A task is mapped over a value whose elements have no order or cannot be counted."""


class ScheduleError(PrefectException, ValueError):
    """A schedule cannot be: a setting has a value that it cannot have, or no time is left."""


class ScheduleTypeError(ScheduleError, TypeError):
    """A setting of a schedule has a type that it cannot have."""


class HandlerError(PrefectException, TypeError):
    """A state handler returned something other than a state or None."""


class RunnerError(PrefectException, TypeError):
    """A runner was given arguments that it does not take."""


class SecretMissing(PrefectException, ValueError):
    """A secret is set neither in the context nor in the configuration."""


class ConfigurationError(PrefectException, ValueError):
    """A configuration file or environment variable cannot be read."""


class ExecutorError(PrefectException, RuntimeError):
    """The hands of an executor are gone, such as a cluster whose scheduler died."""


class ExecutorUsageError(PrefectException, ValueError):
    """An executor was given a setting that it cannot have, or work before it was started."""


class DocumentError(PrefectException, ValueError):
    """A document is broken, of a newer format, or describes something that does not exist here."""


class FlowFileError(PrefectException, ValueError):
    """A flow cannot be written to a file, or a file does not hold a flow that can be loaded here."""


class FlowFileMissing(PrefectException, FileNotFoundError):
    """There is no such flow file: check its path, or the name of the flow."""


class ResultNotImplementedError(PrefectException, NotImplementedError):
    """This kind of result has no place to store a value: choose one that has, such as LocalResult."""


class ResultMissing(PrefectException, FileNotFoundError):
    """Nothing is stored at this location: check it, or run the task that writes it."""


class ResultReleased(PrefectException, LookupError):
    """A large value stayed on the worker that made it, and was let go after its last reader."""


class ResultUnreadable(PrefectException, ValueError):
    """What is stored at a location is truncated, was changed, or is no value that the serializer can read."""


class ResultStoreError(PrefectException, OSError):
    """The store could not be read or written, such as a full disk; what was stored before is intact."""


class StoreError(PrefectException, RuntimeError):
    """Something is wrong with the history of runs."""


class StoreUnavailable(StoreError, OSError):
    """The store cannot be reached or used at the moment: asking again later may help."""


class StoreUnreadable(StoreError, ValueError):
    """The store is damaged, is no store at all, or was written by a newer version of this package."""


class StoreSettingError(StoreError, ValueError):
    """A setting of the store has a value that it cannot have."""


class RunMissing(StoreError, LookupError):
    """There is no flow run with this id, or there are several whose ids begin so."""


class RunHeld(StoreError):
    """Another process works at the flow run: wait for its end, or stop that process."""


class RunTakenOver(StoreError):
    """Another process took over the flow run that this one works at, so this one has to stop."""


class ResumeError(StoreError, ValueError):
    """The flow run cannot be resumed with this flow."""
