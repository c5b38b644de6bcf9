//! The dot products of bfloat16 pairs of x86-64.

use crate::int8_dot::{Dot, PANEL, Pass, run_chains, run_pass};
use std::arch::x86_64::*;

/// vdpbf16ps on 512 bits.
pub struct Avx512Bf16;

impl Dot for Avx512Bf16 {
    type Vector = __m512;
    const LANES: usize = PANEL;
    const GROUP: usize = 4;
    const WORDS: usize = 1;

    #[inline(always)]
    unsafe fn splat(word: i32) -> __m512 {
        // SAFETY: the caller's promise, here and below.
        unsafe { _mm512_castsi512_ps(_mm512_set1_epi32(word)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const i32) -> __m512 {
        unsafe { _mm512_loadu_ps(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(vector: __m512, to: *mut i32) {
        unsafe { _mm512_storeu_ps(to.cast(), vector) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn add_dot(sums: __m512, left: __m512, right: __m512) -> __m512 {
        // SAFETY: vectors of one size, whose every value is valid.
        unsafe {
            _mm512_dpbf16_ps(
                sums,
                std::mem::transmute::<__m512, __m512bh>(left),
                std::mem::transmute::<__m512, __m512bh>(right),
            )
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    unsafe fn run(pass: &Pass, rows: usize, panels: usize) {
        // SAFETY: the caller's promise.
        unsafe { run_pass::<Self>(pass, rows, panels) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    unsafe fn chains(steps: usize) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { run_chains::<Self>(steps) }
    }
}
