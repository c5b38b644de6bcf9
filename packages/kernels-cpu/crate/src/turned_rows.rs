//! Products of rows with a weight that is read where it lies, and the rows turned: packing the weight costs more where
//! the rows are few, or where they are long, since rows of the weight that are a few KiB apart fall on the same lines of
//! the cache.

use crate::columns::copy_columns;
use crate::lanes::LANES;
use crate::matmul::View;
use crate::small_products::multiply_small;
use crate::threads::{Shared, block_range, for_each, with_scratch};
use std::ops::Range;

/// Whether these products [m, k] x [k, n] are faster than those of packed tiles.
pub fn prefers_turned(m: usize, n: usize, k: usize) -> bool {
    n >= 128 && (m <= 128 || k >= 2 * n)
}

/// Rows of the weight that a thread takes at a time: a multiple of every path's tile.
const BLOCK_ROWS: usize = 48;

/// Rows of x that are turned into one panel [k, rows]: two vectors of the widest path.
const PANEL_ROWS: usize = 2 * LANES;

/// out [m, n] = x [m, k] times the transposed weight [n, k], plus `bias` [n] on each row.
pub fn multiply_turned(x: &[f32], weight: &[f32], bias: &[f32], k: usize, out: &mut [f32]) {
    let n = bias.len();
    assert!(n > 0 && out.len().is_multiple_of(n), "the rows are not whole");
    let m = out.len() / n;
    assert!(
        x.len() == m * k && weight.len() == n * k,
        "a matrix is not as long as its shape"
    );
    let panels = m.div_ceil(PANEL_ROWS);
    let width = |rows: &Range<usize>| rows.len().next_multiple_of(LANES);
    let panel = |rows: &Range<usize>| rows.start * k..(rows.start + width(rows)) * k;
    let mut columns = vec![0f32; m.next_multiple_of(LANES) * k];
    let shared = Shared::new(&mut columns);
    for_each(panels, |index| {
        let rows = block_range(index, PANEL_ROWS, m);
        // SAFETY: panels do not overlap.
        let columns = unsafe { shared.part(panel(&rows)) };
        let x = View::rows(&x[rows.start * k..], k);
        copy_columns(x, rows.len(), width(&rows), columns);
    });
    let target = Shared::new(out);
    for_each(panels * n.div_ceil(BLOCK_ROWS), |index| {
        let rows = block_range(index % panels, PANEL_ROWS, m);
        let block = block_range(index / panels, BLOCK_ROWS, n);
        let weight = View::rows(&weight[block.start * k..block.end * k], k);
        let width = width(&rows);
        with_scratch(block.len() * width, |products| {
            multiply_small(k, weight, &columns[panel(&rows)], width, products, false);
            for (i, row) in rows.enumerate() {
                // SAFETY: the blocks of the output do not overlap.
                let out = unsafe { target.part(row * n + block.start..row * n + block.end) };
                let products = products.iter().skip(i).step_by(width);
                for ((out, product), bias) in out.iter_mut().zip(products).zip(&bias[block.clone()]) {
                    *out = product + bias;
                }
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_numbers::numbers;

    #[test]
    fn agrees_with_float64() {
        for (m, n, k) in [
            (1, 1, 1),
            (2, 33, 16),
            (10, 70, 37),
            (29, 64, 100),
            (70, 50, 20),
            (8, 16, 0),
            (0, 16, 3),
        ] {
            let (x, weight, bias) = (numbers(m * k, 1), numbers(n * k, 2), numbers(n, 3));
            let mut out = vec![f32::NAN; m * n];
            multiply_turned(&x, &weight, &bias, k, &mut out);
            for (at, &result) in out.iter().enumerate() {
                let (i, j) = (at / n, at % n);
                let term = |l: usize| f64::from(x[i * k + l]) * f64::from(weight[j * k + l]);
                let truth = f64::from(bias[j]) + (0..k).map(term).sum::<f64>();
                let size = 1.0 + (0..k).map(|l| term(l).abs()).sum::<f64>();
                assert!(
                    (f64::from(result) - truth).abs() < 1e-6 * size,
                    "[{m}, {n}, {k}] at {i}, {j}: {result} for {truth}"
                );
            }
        }
    }

    #[test]
    #[should_panic(expected = "as long as its shape")]
    fn refuses_a_short_operand() {
        multiply_turned(&[0.0; 5], &[0.0; 48], &[0.0; 16], 3, &mut [0.0; 32]);
    }
}
