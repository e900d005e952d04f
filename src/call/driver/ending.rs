//! How a call ends: what the transport's reasons mean, and that nothing works on for it.

use super::Call;
use crate::transport::CloseReason;
use crate::turn::EndReason;

impl Drop for Call {
    fn drop(&mut self) {
        for asked in self.transcriptions.values() {
            asked.task.abort();
        }
        let reply = self.reply.as_ref().map(|reply| &reply.task);
        // A prepared reply ends its task by itself.
        for task in reply.into_iter().chain(&self.reading_ahead).chain(&self.rendering) {
            task.abort();
        }
    }
}

pub(super) fn end_reason(reason: &CloseReason) -> EndReason {
    match reason {
        CloseReason::CallerLeft => EndReason::CallerLeft,
        CloseReason::NoCaller => EndReason::NoCaller,
        CloseReason::RoomClosed => EndReason::RoomClosed,
        CloseReason::Lost(detail) => {
            tracing::warn!(%detail, "Call lost.");
            EndReason::Lost
        }
        CloseReason::InputEnded => EndReason::InputEnded,
    }
}
