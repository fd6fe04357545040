"""Errors a user can cause, and cure. The command line prints them as one line and exits with 2."""


class HwgenError(Exception):
    """Base class: what is wrong, where, the value, what was expected, what to do."""


class RecipeError(HwgenError):
    """A recipe is not valid."""


class ParamsError(HwgenError):
    """A parameter or vector file is damaged, or breaks the contract."""


class ResultsError(HwgenError):
    """A file of another implementation's results cannot be read."""


class NirError(HwgenError):
    """A NIR file is damaged, or says what hwgen cannot do, or not enough."""


class DataError(HwgenError):
    """A data set is missing or damaged."""


class BoardError(HwgenError):
    """A board file is not valid, or the design does not fit the board."""


class ToolError(HwgenError):
    """An outside tool is missing or failed."""


class MismatchError(HwgenError):
    """Hardware and golden differ. There is no harmless case of this."""


class LinkError(HwgenError):
    """A board does not answer, or is not the one that it should be."""
