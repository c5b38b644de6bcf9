import protobuf from 'protobufjs/light.js';
import descriptor from '../schema/onnx-ml.json';

/** The messages of onnx-ml.proto (`schema/`, from the onnx Python package 1.23.2) as far as they are written here. */
export interface ModelProto {
  readonly irVersion: number;
  readonly producerName: string;
  readonly opsetImport: readonly { readonly domain: string; readonly version: number }[];
  readonly graph: GraphProto;
}

export interface GraphProto {
  readonly name: string;
  readonly node: readonly NodeProto[];
  readonly initializer: readonly TensorProto[];
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
}

export interface NodeProto {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly AttributeProto[];
}

export interface AttributeProto {
  readonly name: string;
  readonly type: number;
  readonly f?: number;
  readonly i?: number;
  readonly ints?: readonly number[];
}

export interface TensorProto {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly rawData?: Uint8Array;
  readonly dataLocation?: number;
  readonly externalData?: readonly { readonly key: string; readonly value: string }[];
}

export interface ValueInfoProto {
  readonly name: string;
  readonly type: {
    readonly tensorType: {
      readonly elemType: number;
      readonly shape: {
        readonly dim: readonly ({ readonly dimValue: number } | { readonly dimParam: string })[];
      };
    };
  };
}

/** TensorProto.DataType */
export const DataType = { FLOAT: 1, UINT8: 2, INT8: 3, INT64: 7 } as const;
/** AttributeProto.AttributeType */
export const AttributeType = { FLOAT: 1, INT: 2, INTS: 7 } as const;
/** TensorProto.DataLocation */
export const EXTERNAL = 1;

const modelType = protobuf.Root.fromJSON(descriptor).lookupType('onnx.ModelProto');

/** The bytes of a model: sized first and filled once, so that weights are copied one time. */
export function encodeModelProto(model: ModelProto): Uint8Array {
  return modelType.encode(model).finish();
}

/** The model of a file's bytes, numbers of 64 bits as numbers. */
export function decodeModelProto(bytes: Uint8Array): ModelProto {
  return modelType.toObject(modelType.decode(bytes), { longs: Number, arrays: true }) as ModelProto;
}
