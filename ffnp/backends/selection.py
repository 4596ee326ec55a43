from ffnp.backends.base import Backend


def make_backend(name: str, device: int = 0) -> Backend:
    return Backend()


def unavailable() -> dict[str, str]:
    return {}
