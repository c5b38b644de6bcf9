//! The steps of an integer program: what each computes, and the one way in which rows leave a step.

use crate::attention::{Operands, attend};
use crate::elementwise::{accumulate_block, tanh_block};
use crate::gelu;
use crate::int8::{PackedWeight, multiply};
use crate::layer_norm;
use crate::matmul::View;
use crate::quantize::{ByteGrid, quantize_bytes};
use crate::quantized_linear::Dequantizer;
use crate::threads::{Shared, block_range, for_each, thread_count, with_scratch};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Rows that a job takes at a time.
const BLOCK_ROWS: usize = 32;

/// A function applied to each element before rows leave a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    Identity,
    Gelu,
    Tanh,
}

impl Function {
    /// The function of `x`, in `x` itself or in `spare`.
    fn apply<'a>(self, x: &'a mut [f32], spare: &'a mut [f32]) -> &'a [f32] {
        match self {
            Function::Identity => return x,
            Function::Gelu => gelu::forward_block(x, spare),
            Function::Tanh => tanh_block(x, spare),
        }
        spare
    }
}

/// Where the rows [rows, width] of a step go: to a buffer of floats, to one of bytes on a grid, or to both.
pub struct Target<'a> {
    width: usize,
    floats: Option<Shared<'a, f32>>,
    bytes: Option<(Shared<'a, u8>, ByteGrid)>,
    not_finite: AtomicBool,
}

impl<'a> Target<'a> {
    pub fn new(width: usize, floats: Option<&'a mut [f32]>, bytes: Option<(&'a mut [u8], ByteGrid)>) -> Self {
        Target {
            width,
            floats: floats.map(Shared::new),
            bytes: bytes.map(|(bytes, grid)| (Shared::new(bytes), grid)),
            not_finite: AtomicBool::new(false),
        }
    }

    /// # Safety
    /// No other job may write these columns of this row.
    unsafe fn write(&self, row: usize, columns: Range<usize>, values: &[f32]) {
        let range = row * self.width + columns.start..row * self.width + columns.end;
        if let Some(floats) = &self.floats {
            // SAFETY: the caller promises that the parts of jobs do not overlap.
            unsafe { floats.part(range.clone()) }.copy_from_slice(values);
        }
        if let Some((bytes, grid)) = &self.bytes {
            // SAFETY: as above.
            if !quantize_bytes(values, *grid, unsafe { bytes.part(range) }) {
                self.not_finite.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Whether every value that went to bytes was finite.
    pub fn is_finite(&self) -> bool {
        !self.not_finite.load(Ordering::Relaxed)
    }
}

/// A table of embeddings [rows, width].
pub enum Table {
    Floats(Vec<f32>),
    /// With one scale a row, or as many for groups of its columns.
    Bytes(Vec<i8>, Vec<f32>),
}

#[inline(always)]
fn table_row_body<const FMA: bool>(values: &[i8], scales: &[f32], out: &mut [f32]) {
    let group = out.len() / scales.len();
    for ((out, values), &scale) in out.chunks_mut(group).zip(values.chunks(group)).zip(scales) {
        for (out, &value) in out.iter_mut().zip(values) {
            *out = f32::from(value) * scale;
        }
    }
}

per_path! { fn table_row(values: &[i8], scales: &[f32], out: &mut [f32]) = table_row_body }

/// What is summed to make a row.
pub enum Term<'a> {
    /// The row of a table that the index at the row's place names.
    Table(&'a Table, &'a [i32]),
    Floats(&'a [f32]),
    /// The row at the offset of the sequence with the row's number.
    FirstTokens(&'a [f32], &'a [i32]),
}

impl Term<'_> {
    /// The row `row`; a row of integers is made in `spare`.
    fn row<'a>(&'a self, row: usize, spare: &'a mut [f32]) -> &'a [f32] {
        let width = spare.len();
        let part = |row: usize| row * width..(row + 1) * width;
        match self {
            Term::Floats(rows) => &rows[part(row)],
            Term::FirstTokens(rows, offsets) => &rows[part(offsets[row] as usize)],
            Term::Table(Table::Floats(rows), indices) => &rows[part(indices[row] as usize)],
            Term::Table(Table::Bytes(rows, scales), indices) => {
                let row = indices[row] as usize;
                let groups = scales.len() * width / rows.len();
                table_row(&rows[part(row)], &scales[row * groups..(row + 1) * groups], spare);
                spare
            }
        }
    }
}

/// The gamma, beta and epsilon of a layer normalisation.
pub type Norm<'a> = (&'a [f32], &'a [f32], f32);

/// function(norm(the sum of the terms)), row by row.
pub fn sum_rows(rows: usize, terms: &[Term], norm: Option<Norm>, function: Function, target: &Target) {
    let width = target.width;
    for_each(rows.div_ceil(BLOCK_ROWS), |block| {
        with_scratch(2 * width, |scratch| {
            let (sum, spare) = scratch.split_at_mut(width);
            for row in block_range(block, BLOCK_ROWS, rows) {
                for (index, term) in terms.iter().enumerate() {
                    let term = term.row(row, spare);
                    if index == 0 {
                        sum.copy_from_slice(term);
                    } else {
                        accumulate_block(term, sum);
                    }
                }
                let result = match norm {
                    None => function.apply(sum, spare),
                    Some((gamma, beta, epsilon)) => {
                        layer_norm::forward_rows(sum, gamma, beta, epsilon, spare);
                        function.apply(spare, sum)
                    }
                };
                // SAFETY: each row belongs to one job.
                unsafe { target.write(row, 0..width, result) };
            }
        });
    });
}

/// A linear layer whose input lies on a grid of bytes and whose weight is integers with one scale a row.
pub struct IntegerLinear {
    weight: PackedWeight,
    dequantizer: Dequantizer,
}

impl IntegerLinear {
    /// `values` is the weight [bias.len(), depth].
    pub fn new(values: &[i8], scales: Vec<f32>, bias: Vec<f32>, grid: ByteGrid) -> Self {
        let n = bias.len();
        assert!(n > 0 && scales.len() == n, "the scales are not one a row");
        let weight = PackedWeight::new(values, n, values.len() / n);
        let dequantizer = Dequantizer::new(grid, weight.row_sums(), &scales, bias);
        IntegerLinear { weight, dequantizer }
    }
}

/// function(x w^T + bias) for x [rows, k] in bytes.
pub fn integer_linear(rows: usize, x: &[u8], linear: &IntegerLinear, function: Function, target: &Target) {
    let weight = &linear.weight;
    assert_eq!(target.width, weight.n(), "the output's width is not the weight's");
    multiply(&x[..rows * weight.k()], rows, weight, |rows, columns, sums| {
        let width = columns.len();
        with_scratch(2 * width, |scratch| {
            let (values, spare) = scratch.split_at_mut(width);
            for (row, sums) in rows.zip(sums.chunks_exact(width)) {
                linear.dequantizer.dequantize(sums, columns.clone(), values);
                let result = function.apply(values, spare);
                // SAFETY: tiles do not overlap.
                unsafe { target.write(row, columns.clone(), result) };
            }
        });
    });
}

/// Columns of a buffer [tokens, step], from `first` on.
#[derive(Clone, Copy)]
pub struct Columns<'a> {
    pub data: &'a [f32],
    pub first: usize,
    pub step: usize,
}

impl<'a> Columns<'a> {
    /// One head's features from row `row` on.
    fn view(&self, row: usize, head: usize, d: usize) -> View<'a> {
        View::rows(&self.data[row * self.step + self.first + head * d..], self.step)
    }
}

/// Self-attention within each of `sequences`, longest first.
pub fn attention(qkv: [Columns; 3], sequences: &[Range<usize>], heads: usize, target: &Target) {
    let d = target.width / heads;
    let units = sequences.len() * heads;
    let operands = |unit: usize| {
        let rows = &sequences[unit / heads];
        Operands {
            views: qkv.map(|columns| columns.view(rows.start, unit % heads, d)),
            length: rows.len(),
            d,
        }
    };
    for_each(units, |unit| {
        let (start, column) = (sequences[unit / heads].start, unit % heads * d);
        let later = unit + thread_count();
        let later = (later < units).then(|| operands(later));
        attend(operands(unit), later, &mut [], |row, context| {
            // SAFETY: each unit writes its own head's columns of its own sequence's rows.
            unsafe { target.write(start + row, column..column + d, context) };
        });
    });
}
