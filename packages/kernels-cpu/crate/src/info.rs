//! What the addon found.

use crate::cpu_path::cpu_path;
use crate::threads::thread_count;
use napi::{Error, Result};
use napi_derive::napi;

#[napi(object)]
pub struct Info {
    pub path: String,
    pub threads: u32,
    pub version: String,
}

/// The path and threads in use; an error when `SDQ_CPU_PATH` asks for what is not there.
#[napi(catch_unwind)]
pub fn info() -> Result<Info> {
    let path = cpu_path().map_err(Error::from_reason)?;
    Ok(Info {
        path: path.name().to_owned(),
        threads: thread_count() as u32,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}
