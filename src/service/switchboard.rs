//! Takes callers over by LiveKit's server: a queue's agent is asked into the caller's room, a
//! telephone's line is moved.
//!
//! A *queue* is any LiveKit agent of that name: the call centre's own worker, which brings a person
//! into the room or plays its music until one is there. The dispatch's metadata says who calls, in
//! which language, why, and what is known of them.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use tokio::time::Instant;

use crate::call::action::{Switchboard, SwitchboardError, TransferRequest, TransferTo};
use crate::livekit_api::{AgentRequest, Dispatch, LiveKitApi, LiveKitApiError};

/// How often the room is looked at for whoever comes.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The switchboard of one room.
#[derive(Debug)]
pub struct LiveKitSwitchboard {
    /// The server.
    pub api: LiveKitApi,
    /// Where the caller is.
    pub room: String,
}

#[async_trait]
impl Switchboard for LiveKitSwitchboard {
    async fn transfer(&self, request: TransferRequest) -> Result<(), SwitchboardError> {
        match &request.to {
            TransferTo::Queue(queue) => self.to_queue(queue, &request).await,
            TransferTo::Sip(to) => {
                let moved = self.api.transfer_sip(&self.room, &request.caller, to);
                moved.await.map_err(failed)
            }
        }
    }
}

impl LiveKitSwitchboard {
    async fn to_queue(
        &self,
        queue: &str,
        request: &TransferRequest,
    ) -> Result<(), SwitchboardError> {
        let before = self.audible().await?;
        let metadata = json!({
            "call_id": request.call_id,
            "caller": request.caller,
            "transfer": request.note,
        });
        let agent = AgentRequest { agent_name: queue.into(), metadata: metadata.to_string() };
        let dispatch = self.api.dispatch(&self.room, &agent, |_| None).await.map_err(failed)?;
        if dispatch.taken.is_none() {
            self.take_back(&dispatch).await;
            return Err(SwitchboardError::NobodyServes(queue.to_owned()));
        }
        let begin = now();
        while now().duration_since(begin) < request.wait {
            let there = self.audible().await?;
            if there.iter().any(|who| !before.contains(who)) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.take_back(&dispatch).await;
        let waited_s = request.wait.as_secs();
        Err(SwitchboardError::NobodyCame { queue: queue.to_owned(), waited_s })
    }

    /// Identities of those who can be heard in the room.
    async fn audible(&self) -> Result<Vec<String>, SwitchboardError> {
        let people = self.api.people(&self.room).await.map_err(failed)?;
        Ok(people.into_iter().filter(|p| p.has_audio).map(|p| p.identity).collect())
    }

    async fn take_back(&self, dispatch: &Dispatch) {
        if let Err(error) = self.api.delete_dispatch(&self.room, &dispatch.id).await {
            tracing::warn!(%error, "A queue that nobody came from was not called off.");
        }
    }
}

fn failed(error: LiveKitApiError) -> SwitchboardError {
    SwitchboardError::Failed(error.to_string())
}

#[allow(clippy::disallowed_methods)] // how long a caller waits for a person is time of life
fn now() -> Instant {
    Instant::now()
}
