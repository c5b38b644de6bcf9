"""Checks ONNX files with the official checker, types and shapes included, and that every value's shape is known."""

import sys

import onnx
from onnx import shape_inference


def check(path):
    # By path, so that external data beside the file is found.
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    inferred = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    known = {value.name for value in inferred.graph.value_info if value.type.tensor_type.HasField("shape")}
    known |= {value.name for value in inferred.graph.output}
    # Other domains' operators, and what follows from them, have no shapes that the package could know.
    if {node.domain for node in model.graph.node} <= {""}:
        unknown = [name for node in model.graph.node for name in node.output if name not in known]
        if unknown:
            raise ValueError(f"{path}: no shape is inferred for {unknown[0]}")
    # Declared and inferred shapes of the outputs agree, where both are numbers.
    for declared, found in zip(model.graph.output, inferred.graph.output):
        for want, have in zip(declared.type.tensor_type.shape.dim, found.type.tensor_type.shape.dim, strict=True):
            if want.dim_value and have.dim_value and want.dim_value != have.dim_value:
                raise ValueError(f"{path}: {declared.name} is declared {want.dim_value}, inferred {have.dim_value}")


for file in sys.argv[1:]:
    check(file)
    print("ok", file)
