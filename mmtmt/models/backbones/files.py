"""Weight files that the user has to provide."""

from pathlib import Path


def require_weights_file(path: str, content: str) -> Path:
    """Check that a file of weights is there.

    Args:
        path: Where the config expects it.
        content: What it should hold, for the message.

    Returns:
        The path.

    Raises:
        FileNotFoundError: It isn't there; the message says what to put where.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(
            f'no weights file at {file.absolute()}: put the weights of {content} there, change the '
            f'config option `weights`, or set it to None to start from random values'
        )
    return file
