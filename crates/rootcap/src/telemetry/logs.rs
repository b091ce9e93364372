//! Stub.
use crate::config;
#[derive(Clone)]
pub(crate) struct Logs;
impl Logs {
    pub(crate) fn install(_: &config::Log) -> Result<Self, std::io::Error> {
        Ok(Self)
    }
    pub(crate) fn access_log(&self) {}
    pub(crate) fn flush(&self, _: std::time::Duration) -> bool {
        true
    }
    pub(crate) fn render_metrics(&self, _: &mut String) {}
}
