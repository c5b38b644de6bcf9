//! Sums and maxima in parallel lanes: the compiler may not reorder float sums by itself, so the order is spelled
//! out, the same on every path.

/// Lanes of a running sum: two AVX-512 or four AVX2 registers, enough to hide the latency of an addition.
pub const LANES: usize = 32;

#[inline(always)]
pub fn sum_lanes(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[inline(always)]
pub fn max_lanes(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = larger(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// The larger one; unlike `f32::max` one instruction, and the second when the first is NaN.
#[inline(always)]
pub fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The smaller one; the second when the first is NaN.
#[inline(always)]
pub fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// a * b + c, fused where the path has the instruction.
#[inline(always)]
pub fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// The largest element, or minus infinity of none.
#[inline(always)]
pub fn maximum(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] = larger(chunk[i], lanes[i]);
        }
    }
    let mut result = max_lanes(lanes);
    for &value in rest {
        result = larger(value, result);
    }
    result
}

/// The sum of term(i) for i below `length`, in lanes.
#[inline(always)]
pub fn sum_of(length: usize, term: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let whole = length - length % LANES;
    let mut start = 0;
    while start < whole {
        for (i, lane) in lanes.iter_mut().enumerate() {
            *lane += term(start + i);
        }
        start += LANES;
    }
    let mut rest = 0f32;
    for i in whole..length {
        rest += term(i);
    }
    sum_lanes(lanes) + rest
}
