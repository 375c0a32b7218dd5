"""What distinguishes one synthetic face from another, and one picture of it from the next.

Lengths are in face units: the middle of the eyes is the origin, x grows to the right of the
picture, y downwards; a mean face is nearly two units wide at the cheekbones and its eyes are
0.72 units apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

HAIR_STYLES = ("bald", "short", "parted", "fringe", "long")
"""Outlines of the hair; the names are those of the functions that cut it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Bones and soft parts. All in face units except tilts (radians) and ratios without unit."""

    cheek_width: float
    jaw_width: float
    chin_width: float
    chin_y: float
    forehead_y: float
    eye_x: float
    eye_width: float
    eye_height: float
    eye_tilt: float
    eye_depth: float
    brow_y: float
    brow_arch: float
    brow_tilt: float
    brow_thickness: float
    brow_ridge: float
    nose_width: float
    nose_length: float
    nose_height: float
    bridge_width: float
    bridge_height: float
    nose_bend: float
    mouth_y: float
    mouth_width: float
    lip_upper: float
    lip_lower: float
    lip_bow: float
    mouth_corner: float
    cheekbone: float
    cheek_fullness: float
    chin_bump: float


@dataclass(frozen=True, slots=True)
class Glasses:
    """A pair of glasses. Half width, half height and thickness of a rim in face units.

    squareness: exponent of the outline, 2 is an ellipse. colour: sRGB 0-255.
    """

    width: float
    height: float
    thickness: float
    squareness: float
    colour: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Colours:
    """Skin, eyes, lips and hair. Tones are 0 to 1, colours are sRGB 0-255."""

    melanin: float
    redness: float
    iris: tuple[float, float, float]
    lip_red: float
    hair: tuple[float, float, float]
    hair_style: str
    hairline: float
    hair_volume: float
    brow_density: float
    beard: float
    moustache: float
    stubble: float
    age: float
    freckles: int
    moles: int
    eye_shadow: float
    glasses: Glasses | None


@dataclass(frozen=True, slots=True)
class Traits:
    """One synthetic person. texture_seed: for everything that is irregular in the skin."""

    shape: Shape
    colours: Colours
    texture_seed: int


@dataclass(frozen=True, slots=True)
class Capture:
    """One picture of a person. Angles in radians, shift in shares of the picture's side.

    light: direction towards the lamp, not normalised; ambient: share of light from everywhere.
    smile, brows, lids: expression, about 0. blur: in pixels of a 400-pixel picture; noise: of
    8-bit levels; backdrop: grey level.
    """

    yaw: float
    pitch: float
    roll: float
    scale: float
    shift: tuple[float, float]
    light: tuple[float, float, float]
    ambient: float
    exposure: float
    warmth: float
    smile: float
    brows: float
    lids: float
    blur: float
    noise: float
    backdrop: float
    camera_seed: int


def draw_traits(person_seed: int) -> Traits:
    """The person of a seed: the same seed always gives the same person."""
    rng = np.random.default_rng((0xFACE, person_seed))
    return Traits(_draw_shape(rng), _draw_colours(rng), int(rng.integers(2**31)))


def draw_capture(person_seed: int, capture_seed: int) -> Capture:
    """How picture number `capture_seed` of a person was taken."""
    rng = np.random.default_rng((0xCA3E, person_seed, capture_seed))
    degree = np.pi / 180
    return Capture(
        yaw=float(np.clip(rng.normal(0, 3.5), -8, 8)) * degree,
        pitch=float(np.clip(rng.normal(0, 2.5), -6, 6)) * degree,
        roll=float(np.clip(rng.normal(0, 2.0), -5, 5)) * degree,
        scale=rng.uniform(0.96, 1.04),
        shift=(rng.normal(0, 0.012), rng.normal(0, 0.012)),
        light=(rng.normal(0, 0.22), rng.uniform(-0.75, -0.25), 1.0),
        ambient=rng.uniform(0.45, 0.6),
        exposure=rng.uniform(0.92, 1.08),
        warmth=rng.normal(0, 0.02),
        smile=float(np.clip(rng.normal(0.1, 0.25), -0.3, 0.8)),
        brows=rng.normal(0, 0.012),
        lids=rng.normal(0, 0.06),
        blur=rng.uniform(0.3, 0.7),
        noise=rng.uniform(1.0, 2.5),
        backdrop=rng.uniform(150, 215),
        camera_seed=int(rng.integers(2**31)),
    )


SHORTEST_LIP = 0.07
"""From the base of the nose to the red of the upper lip, at least."""

SHORTEST_CHIN = 0.22
"""From the lower lip to the end of the chin, at least."""


def _draw_shape(rng: np.random.Generator) -> Shape:
    def spread(mean: float, deviation: float) -> float:
        return mean + deviation * float(np.clip(rng.normal(), -1.8, 1.8))

    drawn = Shape(
        cheek_width=spread(0.94, 0.065),
        jaw_width=spread(0.75, 0.1),
        chin_width=spread(0.4, 0.11),
        chin_y=spread(1.34, 0.1),
        forehead_y=spread(-1.3, 0.09),
        eye_x=spread(0.362, 0.034),
        eye_width=spread(0.182, 0.021),
        eye_height=spread(0.078, 0.019),
        eye_tilt=spread(0.04, 0.11),
        eye_depth=spread(0.1, 0.06),
        brow_y=spread(-0.235, 0.04),
        brow_arch=spread(0.05, 0.05),
        brow_tilt=spread(0.02, 0.13),
        brow_thickness=spread(0.048, 0.02),
        brow_ridge=spread(0.07, 0.06),
        nose_width=spread(0.19, 0.05),
        nose_length=spread(0.575, 0.075),
        nose_height=spread(0.36, 0.1),
        bridge_width=spread(0.095, 0.028),
        bridge_height=spread(0.14, 0.08),
        nose_bend=spread(0.0, 0.075),
        mouth_y=spread(0.835, 0.06),
        mouth_width=spread(0.3, 0.055),
        lip_upper=spread(0.068, 0.03),
        lip_lower=spread(0.088, 0.034),
        lip_bow=spread(0.018, 0.015),
        mouth_corner=spread(0.0, 0.035),
        cheekbone=spread(0.08, 0.07),
        cheek_fullness=spread(0.0, 0.09),
        chin_bump=spread(0.09, 0.055),
    )
    mouth = max(drawn.mouth_y, drawn.nose_length + drawn.lip_upper + SHORTEST_LIP)
    chin = max(drawn.chin_y, mouth + drawn.lip_lower + SHORTEST_CHIN)
    return replace(drawn, mouth_y=mouth, chin_y=chin)


HAIR_COLOURS = (
    (28, 22, 20),
    (45, 32, 25),
    (70, 48, 34),
    (105, 72, 45),
    (150, 112, 70),
    (196, 160, 108),
    (120, 60, 35),
    (140, 138, 136),
    (195, 193, 190),
)
"""Black, browns, blonds, red, grey, white."""

IRIS_COLOURS = ((62, 40, 26), (88, 58, 34), (110, 92, 52), (92, 112, 88), (96, 124, 148))
"""Dark brown, brown, hazel, green, blue."""


def _varied(
    rng: np.random.Generator, colour: tuple[float, float, float]
) -> tuple[float, float, float]:
    """The colour, lighter or darker and slightly tinted."""
    red, green, blue = np.clip(
        np.array(colour) * rng.uniform(0.75, 1.25) * rng.normal(1, 0.04, 3), 6, 240
    )
    return float(red), float(green), float(blue)


GLASSES_SHARE = 0.25
"""Share of persons who wear glasses on every picture."""


def _draw_glasses(rng: np.random.Generator) -> Glasses:
    return Glasses(
        width=rng.uniform(0.25, 0.33),
        height=rng.uniform(0.16, 0.27),
        thickness=rng.uniform(0.010, 0.028),
        squareness=rng.uniform(2.0, 5.0),
        colour=_varied(rng, (60, 52, 48)),
    )


def _draw_colours(rng: np.random.Generator) -> Colours:
    melanin = float(rng.uniform(0.0, 1.0))
    light_hair = rng.random() > 0.35 + melanin
    choice = (
        int(rng.integers(len(HAIR_COLOURS))) if light_hair else int(rng.choice([0, 0, 1, 2, 7]))
    )
    iris = int(rng.integers(len(IRIS_COLOURS))) if melanin < 0.45 else int(rng.integers(2))
    bearded = rng.random() < 0.3
    return Colours(
        melanin=melanin,
        redness=rng.uniform(0.0, 1.0),
        iris=_varied(rng, IRIS_COLOURS[iris]),
        lip_red=rng.uniform(0.1, 0.9),
        hair=_varied(rng, HAIR_COLOURS[choice]),
        hair_style=str(rng.choice(HAIR_STYLES)),
        hairline=rng.normal(0.0, 0.07),
        hair_volume=rng.uniform(0.03, 0.16),
        brow_density=rng.uniform(0.25, 1.0),
        beard=rng.uniform(0.4, 0.95) if bearded else 0.0,
        moustache=rng.uniform(0.5, 0.95) if bearded or rng.random() < 0.1 else 0.0,
        stubble=rng.uniform(0.0, 0.35) if rng.random() < 0.5 else 0.0,
        age=rng.beta(1.3, 1.6),
        freckles=int(rng.integers(40, 160)) if melanin < 0.4 and rng.random() < 0.25 else 0,
        moles=int(rng.integers(0, 5)),
        eye_shadow=0.55 * rng.beta(1.0, 1.5),
        glasses=_draw_glasses(rng) if rng.random() < GLASSES_SHARE else None,
    )
