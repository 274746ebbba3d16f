"""The error tree.

::

    AlphaloopError
    ├── InputError                    what the user gave cannot be used            exit code 2
    │   ├── DataError                 a market-data file or table
    │   ├── RecipeError               a recipe or a ``--set``
    │   ├── FeatureError              a feature expression with an impossible part
    │   ├── UnknownNameError          a name or FILE.py:OBJECT that leads nowhere
    │   └── ModelCompatibilityError   an artifact that is not what it says it is
    ├── RefusedError                  the input is fine, a gate said no            exit code 3
    │   ├── ParityError               the ONNX graph and the native model differ
    │   └── PromotionError            an audit finding or a missing proof
    └── StateError                    what is kept is wrong, or out of reach       exit code 1
        ├── DivergenceError           a replay took another road than its journal
        └── AwayError                 a server or a disk cannot be used right now; trying again may help
            ├── StoreAwayError        the database: nothing of the open transaction is promised
            └── BusAwayError          the bus

Every message is one sentence that says what was wrong, the value that was got, and the next step.
"""

from __future__ import annotations


class AlphaloopError(Exception):
    """Root of every error that alphaloop raises on purpose."""

    exit_code = 1


class InputError(AlphaloopError):
    """What the user gave cannot be used."""

    exit_code = 2


class DataError(InputError):
    """A market-data file or table is missing, malformed or impossible."""


class RecipeError(InputError):
    """A recipe, or a ``--set`` on top of one, has an unknown key or an impossible value."""


class FeatureError(InputError):
    """A feature expression or a feature set has an impossible part: a window of zero rows, a name given twice."""


class UnknownNameError(InputError):
    """A name or a ``FILE.py:OBJECT`` leads to nothing that can be used."""


class ModelCompatibilityError(InputError):
    """An artifact is not what its contract says, or not what the caller needs."""


class RefusedError(AlphaloopError):
    """The input is sound, but a gate refused to go on."""

    exit_code = 3


class ParityError(RefusedError):
    """The exported graph does not give the native model's numbers."""


class PromotionError(RefusedError):
    """A candidate may not become champion."""


class StateError(AlphaloopError):
    """What a store or a bus keeps is not what it should be, or cannot be reached."""


class DivergenceError(StateError):
    """A replay came to another decision than the journal holds."""


class AwayError(StateError):
    """A server or a disk cannot be used right now; the same call may succeed later."""


class StoreAwayError(AwayError):
    """The database does not answer, is locked, or its disk is full; the open transaction is to be given again."""


class BusAwayError(AwayError):
    """The bus does not answer."""
