/** A file of the Python package index that TensorFlow, or a CUDA library that it calls, is taken from. */
export interface Wheel {
  /** The package and its version (`tensorflow==2.21.0`). */
  readonly requirement: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Bytes of what is unpacked of it. */
  readonly unpackedBytes: number;
}

/** `cuda` runs on NVIDIA cards, and on the CPU where there is none; `cpu` is less than a tenth of its size. */
export type Build = 'cpu' | 'cuda';

/** The version that the binding is built against, the first with CUDA 12 whose C API has all that the binding calls. */
export const TENSORFLOW_VERSION = '2.21.0';

/**
 * The wheels of each build. TensorFlow comes as the file for Python 3.11 whatever Python there is, since only its C++
 * libraries are used; the versions of the CUDA libraries are the newest that TensorFlow 2.21's own requirements allow.
 */
export const wheelsOf: Readonly<Record<Build, readonly Wheel[]>> = {
  cpu: [
    wheel(
      'tensorflow-cpu==2.21.0',
      '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
      274,
      854,
    ),
  ],
  cuda: [
    wheel(
      'tensorflow==2.21.0',
      '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
      573,
      1260,
    ),
    nvidia(
      'cublas',
      '12.9.3.13',
      'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72',
      582,
      856,
    ),
    nvidia(
      'cuda-cupti',
      '12.8.90',
      'ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182',
      11,
      42,
    ),
    nvidia(
      'cuda-nvcc',
      '12.9.86',
      '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0',
      41,
      99,
    ),
    nvidia(
      'cuda-nvrtc',
      '12.9.86',
      '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4',
      90,
      228,
    ),
    nvidia(
      'cuda-runtime',
      '12.9.79',
      '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
      4,
      4,
    ),
    nvidia(
      'cudnn',
      '9.28.0.42',
      '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375',
      717,
      1163,
    ),
    nvidia('cufft', '11.4.1.4', 'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28', 201, 294),
    nvidia(
      'curand',
      '10.3.10.19',
      '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e',
      69,
      167,
    ),
    nvidia(
      'cusolver',
      '11.7.5.82',
      '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88',
      339,
      495,
    ),
    nvidia(
      'cusparse',
      '12.5.10.65',
      '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78',
      367,
      487,
    ),
    nvidia('nccl', '2.32.3', 'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c', 352, 474),
    nvidia(
      'nvjitlink',
      '12.9.86',
      'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9',
      40,
      96,
    ),
  ],
};

function wheel(requirement: string, sha256: string, megabytes: number, unpackedMegabytes: number): Wheel {
  return { requirement, sha256, bytes: megabytes * 1e6, unpackedBytes: unpackedMegabytes * 1e6 };
}

function nvidia(name: string, version: string, sha256: string, bytes: number, unpacked: number): Wheel {
  return wheel(`nvidia-${name}-cu12==${version}`, sha256, bytes, unpacked);
}

/** Whether a file of a wheel is needed to build or run the binding: the C headers, and the libraries with what they load. */
export function isNeeded(path: string): boolean {
  return (
    /^tensorflow\/libtensorflow_(cc|framework)\.so\.2$/.test(path) ||
    /^tensorflow\/include\/(tensorflow\/c|xla\/tsl\/c)\/.*\.h$/.test(path) ||
    /^tensorflow\/include\/(tensorflow\/core|tsl)\/platform\/ctstring[a-z_]*\.h$/.test(path) ||
    (/^nvidia\/[^/]+\//.test(path) && !path.includes('/include/') && !path.endsWith('.py'))
  );
}
