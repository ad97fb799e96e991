"""Numbers and times in words."""


def counted(n: int, thing: str) -> str:
    """Return a number with its noun, in the plural if need be."""
    return f"{n:,} {thing}{'s' * (n != 1)}"


def combos_and_models(n: int) -> str:
    """Return "1 combo and model" or "6 combos and models"."""
    return f"{n:,} combo{'s' * (n != 1)} and model{'s' * (n != 1)}"


def percentage(share: float, decimals: int = 1) -> str:
    """Return a share in percent, with more decimals where it would else seem to be none or all."""
    while decimals < 4 and 0 < share < 1 and round(share, 2 + decimals) in (0, 1):
        decimals += 1
    return f"{share:.{decimals}%}"


def duration(seconds: float) -> str:
    """Return a time in words, in a unit that suits it."""
    if 0 < seconds < 0.5:
        return "less than a second"
    if seconds >= 5400:
        return f"{seconds / 3600:,.1f} hours"
    return (
        counted(round(seconds / 60), "minute")
        if seconds >= 90
        else counted(round(seconds), "second")
    )


def size(n_bytes: float) -> str:
    """Return a number of bytes in a unit that suits it: kB, MB, GB of a thousand each."""
    units = ["TB", "GB", "MB", "kB", "bytes"]
    while n_bytes >= 1000 and len(units) > 1:
        n_bytes /= 1000
        units.pop()
    return (
        f"{n_bytes:.0f} {units[-1]}"
        if units[-1] == "bytes" or n_bytes >= 10
        else f"{n_bytes:.1f} {units[-1]}"
    )


def real_differences(n_real: int, n: int) -> str:
    """Return "1 of 25 differences of accuracy is real"."""
    verb = "is" if n_real == 1 else "are"
    return f"{n_real:,} of {counted(n, 'difference')} of accuracy {verb} real"
