"""Matrices between colour spaces of three primaries; every white becomes white, by Bradford's adaptation."""

from collections.abc import Sequence

type Vector = tuple[float, float, float]
type Matrix = tuple[Vector, Vector, Vector]

# ICC's white (D50) as XYZ.
WHITE = (0.9642, 1.0, 0.8249)
_TO_CONES: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
_FROM_CONES: Matrix = (
    (0.9869929, -0.1470543, 0.1599627),
    (0.4323053, 0.5183603, 0.0492912),
    (-0.0085287, 0.0400428, 0.9684867),
)
_SINGULAR = 1e-4


def as_xyz(points: Sequence[tuple[float, float]]) -> Matrix | None:
    """Returns red, green and blue as XYZ under D50; None if they span no colour space.

    `points` are red, green, blue and white as CIE x and y.
    """
    *primaries, last = [(x, y, 1 - x - y) for x, y in points]
    white = [part / last[1] for part in last]
    shares = _solve(primaries, white)
    if shares is None:
        return None
    scales = [wanted / actual for wanted, actual in zip(_cones(WHITE), _cones(white), strict=True)]
    adapted = []
    for primary, share in zip(primaries, shares, strict=True):
        cones = [cone * scale * share for cone, scale in zip(_cones(primary), scales, strict=True)]
        adapted.append(_times(_FROM_CONES, cones))
    red, green, blue = adapted
    return red, green, blue


def between(source: Matrix, target: Matrix) -> Matrix:
    """Returns the matrix from light in one colour space to another; both as red, green and blue in XYZ."""
    columns = [_solve(target, primary) or (0.0, 0.0, 0.0) for primary in source]
    red, green, blue = zip(*columns, strict=True)
    return red, green, blue


def _cones(xyz: Sequence[float]) -> Vector:
    return _times(_TO_CONES, xyz)


def _times(matrix: Matrix, vector: Sequence[float]) -> Vector:
    first, second, third = (sum(row[n] * vector[n] for n in range(3)) for row in matrix)
    return first, second, third


def _solve(columns: Sequence[Sequence[float]], wanted: Sequence[float]) -> list[float] | None:
    """Solves the linear system by Cramer's rule; None if it is singular."""
    whole = _determinant(*columns)
    if abs(whole) < _SINGULAR:
        return None
    return [_determinant(*(wanted if at == n else columns[at] for at in range(3))) / whole for n in range(3)]


def _determinant(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> float:
    return (
        a[0] * (b[1] * c[2] - b[2] * c[1])
        - b[0] * (a[1] * c[2] - a[2] * c[1])
        + c[0] * (a[1] * b[2] - a[2] * b[1])
    )
