//! y = q(x) q(w)^T + b in integers: the float product of the rounded operands, to float rounding.

use crate::int8::{PackedWeight, multiply};
use crate::quantize::{ByteGrid, quantize_bytes, quantize_row};
use crate::stream::{STREAM_BYTES, fence, stream};
use crate::threads::{BLOCK, Floats, Shared, block_range, map, with_scratch};
use napi_derive::napi;
use std::ops::Range;
use std::sync::Mutex;

/// A weight [out, in] as integers, each row on a symmetric grid of its own.
#[napi]
pub struct QuantizedWeight {
    packed: PackedWeight,
    scales: Vec<f32>,
}

#[napi]
impl QuantizedWeight {
    /// A weight of zeros.
    #[napi(constructor, catch_unwind)]
    pub fn new(rows: u32, columns: u32) -> Self {
        QuantizedWeight {
            packed: PackedWeight::zeros(rows as usize, columns as usize),
            scales: vec![0.0; rows as usize],
        }
    }

    /// Takes the values of a weight of this shape; false when one is not finite.
    #[napi(catch_unwind)]
    pub fn quantize(&mut self, weight: &[f32], levels: f64) -> bool {
        let (n, k) = (self.packed.n(), self.packed.k());
        assert_eq!(weight.len(), n * k, "the weight's length is not its shape's");
        let scales = Shared::new(&mut self.scales);
        self.packed.fill(|row, out| {
            // SAFETY: each row is written once.
            let scale = unsafe { scales.part(row..row + 1) };
            scale[0] = quantize_row(&weight[row * k..(row + 1) * k], levels as f32, out);
        });
        self.scales.iter().all(|scale| scale.is_finite())
    }

    /// Gives the memory back at once, without waiting for a garbage collection; it is a weight of no rows then.
    #[napi(catch_unwind)]
    pub fn free(&mut self) {
        *self = QuantizedWeight::new(0, 0);
    }
}

/// Buffers of bytes that calls leave for later ones.
static BUFFERS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// out [m, out] = x [m, in] on its grid times the weight, plus `bias` [out]; false when a value of x is not finite.
/// `low` and `high` are the ends of the grid in steps from zero, at most 255 apart and away from it.
#[napi(catch_unwind)]
pub fn quantized_linear(
    x: &[f32],
    weight: &QuantizedWeight,
    bias: &[f32],
    scale: f64,
    low: f64,
    high: f64,
    out: Floats,
    m: u32,
) -> bool {
    let (m, n, k) = (m as usize, weight.packed.n(), weight.packed.k());
    assert_eq!(x.len(), m * k, "the input's length is not its shape's");
    assert_eq!(out.len(), m * n, "the output's length is not its shape's");
    assert_eq!(bias.len(), n, "the bias is not one value a column");
    assert!(
        low >= -255.0 && high <= 255.0 && high - low <= 255.0,
        "the grid's steps do not fit into bytes"
    );
    let grid = ByteGrid {
        scale: scale as f32,
        zero_point: -low as i32,
        low: low as f32,
        high: high as f32,
    };
    let mut bytes = lock_buffers().pop().unwrap_or_default();
    bytes.resize(x.len(), 0);
    let shared = Shared::new(&mut bytes);
    let finite = map(x.len().div_ceil(BLOCK), |index| {
        let range = block_range(index, BLOCK, x.len());
        // SAFETY: blocks of different indices do not overlap.
        quantize_bytes(&x[range.clone()], grid, unsafe { shared.part(range) })
    });
    let finite = finite.into_iter().all(|finite| finite);
    if finite {
        let dequantizer = Dequantizer::new(grid, weight.packed.row_sums(), &weight.scales, bias.to_vec());
        let streams = size_of_val(out) >= STREAM_BYTES;
        let target = Shared::new(out);
        multiply(&bytes, m, &weight.packed, |rows, columns, sums| {
            with_scratch(columns.len(), |values| {
                for (row, sums) in rows.zip(sums.chunks_exact(columns.len())) {
                    // SAFETY: tiles do not overlap.
                    let out = unsafe { target.part(row * n + columns.start..row * n + columns.end) };
                    if streams {
                        dequantizer.dequantize(sums, columns.clone(), values);
                        stream(values, out);
                    } else {
                        dequantizer.dequantize(sums, columns.clone(), out);
                    }
                }
            });
            if streams {
                fence();
            }
        });
    }
    lock_buffers().push(bytes);
    finite
}

fn lock_buffers() -> std::sync::MutexGuard<'static, Vec<Vec<u8>>> {
    // Nothing panics while it holds the lock.
    BUFFERS.lock().expect("the lock is whole")
}

/// What turns the sums of bytes back into floats, for each column.
pub struct Dequantizer {
    /// The sums that a zero of the input would give.
    zeros: Vec<i32>,
    scales: Vec<f32>,
    bias: Vec<f32>,
}

impl Dequantizer {
    /// Of inputs on `grid`, a weight with these sums and scales of its rows, and a bias, all of one length.
    pub fn new(grid: ByteGrid, row_sums: &[i32], scales: &[f32], bias: Vec<f32>) -> Self {
        Dequantizer {
            zeros: row_sums.iter().map(|sum| grid.zero_point * sum).collect(),
            scales: scales.iter().map(|scale| grid.scale * scale).collect(),
            bias,
        }
    }

    /// out = the floats of the sums of some columns of a row.
    pub fn dequantize(&self, sums: &[i32], columns: Range<usize>, out: &mut [f32]) {
        let (zeros, scales) = (&self.zeros[columns.clone()], &self.scales[columns.clone()]);
        dequantize_row(sums, zeros, scales, &self.bias[columns], out);
    }
}

#[inline(always)]
fn dequantize_body<const FMA: bool>(
    sums: &[i32],
    zeros: &[i32],
    scales: &[f32],
    bias: &[f32],
    out: &mut [f32],
) {
    let width = out.len();
    let (sums, zeros) = (&sums[..width], &zeros[..width]);
    let (scales, bias) = (&scales[..width], &bias[..width]);
    for i in 0..width {
        // Not fused, so that all paths give the same floats.
        out[i] = (sums[i] - zeros[i]) as f32 * scales[i] + bias[i];
    }
}

per_path! {
    fn dequantize_row(sums: &[i32], zeros: &[i32], scales: &[f32], bias: &[f32], out: &mut [f32]) = dequantize_body
}
