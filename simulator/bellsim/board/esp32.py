"""Simulated `esp32`: there is no IDF here, so it has no heap to speak of."""

HEAP_DATA = 4
HEAP_EXEC = 1


def idf_heap_info(capabilities: int) -> list[tuple[int, int, int, int]]:
    """[(total, free, largest free, least free ever)] of each region: none here."""
    return []
