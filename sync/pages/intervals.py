"""How often something is done, in words. Pure."""

NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def every(days: float) -> str:
    """`every four days`, `every day`, `every 36 hours`, `every hour`."""
    hours = round(days * 24)
    if hours <= 1:
        return "every hour"
    if hours == 24:
        return "every day"
    number, unit = (hours // 24, "days") if hours % 24 == 0 else (hours, "hours")
    return f"every {NUMBERS[number - 2] if number - 2 < len(NUMBERS) else number} {unit}"
