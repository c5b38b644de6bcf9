//! Packing of byte weights, and products with them, of any shape, bytes and instruction path: exact, each place of the
//! product written once, and no access outside a buffer (the address sanitizer watches).
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use std::sync::Mutex;

#[allow(dead_code, unused_macros)]
#[path = "../../src/cpu_path.rs"]
#[macro_use]
mod cpu_path;
#[allow(dead_code)]
#[path = "../../src/int8.rs"]
mod int8;
#[allow(dead_code)]
#[path = "../../src/int8_dot.rs"]
mod int8_dot;
#[allow(dead_code)]
#[path = "../../src/int8_x86.rs"]
mod int8_x86;
#[allow(dead_code)]
#[path = "../../src/lines.rs"]
mod lines;
#[allow(dead_code)]
#[path = "../../src/team.rs"]
mod team;
#[allow(dead_code)]
#[path = "../../src/threads.rs"]
mod threads;

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    rows: u8,
    columns: u16,
    depth: u16,
    bytes: &'a [u8],
}

fuzz_target!(|case: Case| {
    let (m, n, k) = (
        usize::from(case.rows) % 80,
        usize::from(case.columns) % 450,
        usize::from(case.depth) % 1100,
    );
    let byte = |at: usize| case.bytes.get(at % case.bytes.len().max(1)).map_or(255, |&byte| byte ^ (at >> 7) as u8);
    let x: Vec<u8> = (0..m * k).map(byte).collect();
    let w: Vec<i8> = (0..n * k).map(|at| byte(at + 13) as i8).collect();
    let weight = int8::PackedWeight::new(&w, n, k);
    for (row, &sum) in weight.row_sums().iter().enumerate() {
        assert_eq!(sum, w[row * k..(row + 1) * k].iter().map(|&w| i32::from(w)).sum());
    }
    // A value that no sum has: each place is written once.
    let out = Mutex::new(vec![i32::MIN; m * n]);
    int8::multiply(&x, m, &weight, |rows, columns, sums| {
        let mut out = out.lock().unwrap();
        assert_eq!(sums.len(), rows.len() * columns.len());
        for (row, sums) in rows.zip(sums.chunks_exact(columns.len())) {
            let out = &mut out[row * n..][columns.clone()];
            assert!(out.iter().all(|&sum| sum == i32::MIN));
            out.copy_from_slice(sums);
        }
    });
    // A sample of the places: the naive product of all of them would take most of the time.
    let out = out.into_inner().unwrap();
    assert!(out.iter().all(|&sum| sum != i32::MIN));
    for at in (0..m * n).step_by(1 + m * n / 64) {
        let (x, w) = (&x[at / n * k..][..k], &w[at % n * k..][..k]);
        let exact: i32 = x.iter().zip(w).map(|(&x, &w)| i32::from(x) * i32::from(w)).sum();
        assert_eq!(out[at], exact, "{m} x {n} x {k} at {at}");
    }
});
