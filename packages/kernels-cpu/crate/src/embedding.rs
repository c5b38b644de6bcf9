//! Rows picked from a table by number, and the sum of gradients back into it.

use crate::threads::Floats;
use crate::threads::{Shared, block_range, for_each, for_each_block};
use napi_derive::napi;

/// out [ids, width] = the rows of `table` that `ids` name.
#[napi(catch_unwind)]
pub fn embedding(table: &[f32], ids: &[i32], width: u32, out: Floats) {
    let width = width as usize;
    assert_eq!(out.len(), ids.len() * width, "the output is not one row an id");
    if width == 0 {
        return;
    }
    let rows = (crate::threads::BLOCK / width).max(1);
    for_each_block(out, rows * width, |range, out| {
        for (out, &id) in out.chunks_exact_mut(width).zip(&ids[range.start / width..]) {
            let start = id as usize * width;
            out.copy_from_slice(&table[start..start + width]);
        }
    });
}

/// out [rows, width] = the sum of the rows of dy by id, in the order of `ids`.
#[napi(catch_unwind)]
pub fn embedding_grad(dy: &[f32], ids: &[i32], width: u32, out: Floats) {
    const STRIP: usize = 64;
    let width = width as usize;
    assert_eq!(dy.len(), ids.len() * width, "the gradient is not one row an id");
    assert!(
        width > 0 && out.len().is_multiple_of(width),
        "the rows are not whole"
    );
    for_each_block(out, crate::threads::BLOCK, |_, out| out.fill(0.0));
    let out = Shared::new(out);
    // Strips of columns: ids repeat, so rows of the table cannot be shared out.
    for_each(width.div_ceil(STRIP), |index| {
        let columns = block_range(index, STRIP, width);
        for (dy, &id) in dy.chunks_exact(width).zip(ids) {
            let start = id as usize * width;
            // SAFETY: strips do not overlap, and one job adds its rows one after the other.
            let row = unsafe { out.part(start + columns.start..start + columns.end) };
            for (out, dy) in row.iter_mut().zip(&dy[columns.clone()]) {
                *out += dy;
            }
        }
    });
}
