"""A process of its own in which foreign decoders meet untrusted bytes.

Run as a script by decoding.py, without the rest of this project, one image at a time:

    request   container name (8 bytes, blank-padded), colour flag, width, height, length, bytes
    answer    verdict, width, height, length, pixels (grey or RGB, row by row)

The C code behind WSQ can be driven out of its memory by a malicious file: then this
process dies, its parent refuses the image and starts another. It reads from standard
input until that ends, and opens nothing.
"""

import io
import resource
import struct
import sys
from typing import BinaryIO

import _wsq  # type: ignore[import-not-found] # a compiled module without stubs
from PIL import Image, ImageOps

REQUEST = struct.Struct(">8s?III")
ANSWER = struct.Struct(">BIII")

DECODED, REFUSED, OTHER_SIZE = range(3)
"""Verdicts: pixels follow; the decoder gave up; it found another size than the header's."""

MODES = {False: "L", True: "RGB"}

DECODER_FAULTS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    ArithmeticError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    struct.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow's plug-ins and the WSQ module raise on damaged files; anything else ends the
process, which the parent turns into the same refusal."""


def decode(name: str, colour: bool, size: tuple[int, int], data: bytes) -> Image.Image | int:
    """The image as grey or RGB, or the verdict that speaks against it."""
    try:
        image = _decode_wsq(data) if name == "WSQ" else Image.open(io.BytesIO(data), formats=[name])
        if image.size != size:
            return OTHER_SIZE
        if colour:
            # A camera says in EXIF how it was held; faces must stand upright.
            image = ImageOps.exif_transpose(image)
        return _flatten(image).convert(MODES[colour])
    except DECODER_FAULTS:
        return REFUSED


def _decode_wsq(data: bytes) -> Image.Image:
    try:
        pixels, width, height, _ppi = _wsq.decompress(data)
    except Exception as fault:  # it raises nothing more precise
        raise ValueError("WSQ") from fault
    return Image.frombytes("L", (width, height), pixels)


def _flatten(image: Image.Image) -> Image.Image:
    """The image on white paper where it is transparent."""
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)


def answer(requests: BinaryIO, answers: BinaryIO) -> bool:
    """Serve one request; False when no more will come."""
    head = requests.read(REQUEST.size)
    if len(head) < REQUEST.size:
        return False
    name, colour, width, height, length = REQUEST.unpack(head)
    data = requests.read(length)
    if len(data) < length:
        return False
    outcome = decode(name.decode("ascii").strip(), colour, (width, height), data)
    if isinstance(outcome, int):
        answers.write(ANSWER.pack(outcome, 0, 0, 0))
    else:
        pixels = outcome.tobytes()
        answers.write(ANSWER.pack(DECODED, *outcome.size, len(pixels)))
        answers.write(pixels)
    answers.flush()
    return True


def main() -> None:
    """Confine the process, then serve until standard input ends."""
    memory_bytes, pixels_max = int(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    Image.MAX_IMAGE_PIXELS = pixels_max
    while answer(sys.stdin.buffer, sys.stdout.buffer):
        pass


if __name__ == "__main__":
    main()
