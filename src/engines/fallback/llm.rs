//! Wits that may be elsewhere. A reply that breaks off is taken up by the other model after the words
//! that were given, or fails; its beginning is never written twice.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};

use super::seam::Seam;
use super::{Lane, Permit, Route, Side, Step};
use crate::engines::EngineError;
use crate::engines::llm::{ChatMessage, Generated, Generation, LanguageModel, Role};

/// The wits of one call.
pub(crate) struct FallbackLlm {
    pub(crate) local: Arc<dyn LanguageModel>,
    pub(crate) lane: Arc<Lane<dyn LanguageModel>>,
    pub(crate) permit: Permit,
}

/// Asks the model that takes over to go on. Never enters the history.
const GO_ON: &str = "(Your last message was cut off by a fault. Write only the words that come right \
                     after it, in the same language, as if nothing had happened. Repeat nothing.)";

type Tokens = BoxStream<'static, Result<Generated, EngineError>>;

struct Writing {
    local: Arc<dyn LanguageModel>,
    remote: Option<Arc<dyn LanguageModel>>,
    route: Route<dyn LanguageModel>,
    request: Generation,
    now: Option<(Step<dyn LanguageModel>, Tokens)>,
    given: String,
    seam: Seam,
    last: Option<EngineError>,
    /// After the text that was held back.
    then: Option<Generated>,
    over: bool,
}

impl LanguageModel for FallbackLlm {
    fn generate(&self, request: Generation) -> Tokens {
        let writing = Writing {
            local: Arc::clone(&self.local),
            remote: self.lane.remote.clone(),
            route: Route::new(&self.lane, &self.permit),
            request,
            now: None,
            given: String::new(),
            seam: Seam::after(""),
            last: None,
            then: None,
            over: false,
        };
        stream::unfold(writing, |mut writing| async move {
            let next = writing.next().await?;
            Some((next, writing))
        })
        .boxed()
    }

    /// Only here: nothing is sent away before there is a question.
    fn read_ahead(&self, request: Generation) -> BoxFuture<'static, ()> {
        self.local.read_ahead(request)
    }
}

impl Writing {
    async fn next(&mut self) -> Option<Result<Generated, EngineError>> {
        if let Some(then) = self.then.take() {
            return Some(Ok(then));
        }
        if self.over {
            return None;
        }
        loop {
            if self.now.is_none() {
                let Some(step) = self.route.next_step() else {
                    self.over = true;
                    return self.last.take().map(Err);
                };
                let tokens = self.ask(step.side);
                self.now = Some((step, tokens));
            }
            let Some((step, tokens)) = &mut self.now else { continue };
            let error = match step.wait(tokens.next()).await {
                Ok(Some(Ok(Generated::Text(text)))) => {
                    step.gave_a_piece();
                    let news = self.seam.push(text);
                    if news.is_empty() {
                        continue;
                    }
                    self.given.push_str(&news);
                    return Some(Ok(Generated::Text(news)));
                }
                Ok(Some(Ok(call @ Generated::ToolCall(_)))) => {
                    step.succeeded();
                    return Some(Ok(call));
                }
                Ok(Some(Ok(done @ Generated::Done(_)))) => {
                    step.succeeded();
                    self.over = true;
                    let rest = self.seam.finish();
                    if rest.is_empty() {
                        return Some(Ok(done));
                    }
                    self.then = Some(done);
                    return Some(Ok(Generated::Text(rest)));
                }
                Ok(Some(Err(error))) | Err(error) => error,
                Ok(None) => {
                    let detail = "it ended in mid-reply".to_owned();
                    EngineError::Unavailable { engine: "llm", detail }
                }
            };
            step.failed(&error);
            let side = step.side;
            // Dropping its stream ends its work.
            self.now = None;
            if !self.route.goes_on_after(side, &error) {
                self.over = true;
                return Some(Err(error));
            }
            self.last = Some(error);
        }
    }

    /// Asks `side` for the reply, or for what is left of it.
    fn ask(&mut self, side: Side) -> Tokens {
        self.seam = Seam::after(&self.given);
        let mut request = self.request.clone();
        if !self.given.trim().is_empty() {
            let message = |role, content: &str| ChatMessage { role, content: content.to_owned() };
            request.messages.push(message(Role::Assistant, self.given.trim_end()));
            request.messages.push(message(Role::User, GO_ON));
        }
        match (side, &self.remote) {
            (Side::Remote, Some(remote)) => remote.generate(request),
            (Side::Remote | Side::Local, _) => self.local.generate(request),
        }
    }
}
