//! The CPU kernels of sdq as a Node addon: each function takes typed arrays of JavaScript in place and writes its
//! outputs into arrays that the caller made.
//!
//! Results do not depend on the number of threads: work is cut into blocks of fixed size, and partial sums are
//! added in the order of their blocks.
//!
//! Layout: `cpu_path` picks the vector instructions, `threads` runs blocks, `lanes` and `math` are the vector
//! building blocks; every other file holds one kernel family, its napi functions last.

#![deny(unsafe_op_in_unsafe_fn)]
// Kernels take their arrays and sizes one by one, as JavaScript hands them over.
#![allow(clippy::too_many_arguments)]

#[macro_use]
mod cpu_path;
mod adamw;
mod attention;
mod bf16;
#[cfg(target_arch = "x86_64")]
mod bf16_x86;
mod columns;
mod cosine;
mod dropout;
mod elementwise;
mod embedding;
mod gelu;
mod info;
mod int8;
mod int8_dot;
#[cfg(target_arch = "x86_64")]
mod int8_x86;
mod integer_addon;
mod integer_program;
mod integer_steps;
mod lanes;
mod layer_norm;
mod linear;
mod lines;
mod losses;
mod math;
mod matmul;
mod peaks;
mod prefetch;
mod quantize;
mod quantized_linear;
mod reduce;
mod relations;
mod settings;
mod small_products;
mod softmax;
mod stream;
mod team;
#[cfg(test)]
mod test_numbers;
mod threads;
mod turned_rows;
