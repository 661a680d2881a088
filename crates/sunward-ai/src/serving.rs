//! A Gemma network that answers on this machine in step with a simulated serving job.
//!
//! The twin grants operations, of which a request takes a fixed number. One request in `every` is really answered, the first of each
//! such run; the others are modelled: a *proxy*, and every output says so. While the twin works on an executed request, the share of its
//! operations that is done decides how much of the answer there is: first the prompt is read, then token after token is drawn. An eclipse
//! stops an answer between two tokens, a reboot throws it away and loads the weights anew, an upset flips a bit of weights, cache or
//! activations. An answer that ends of itself leaves the rest of its request's operations unused.
//!
//! Where defences are on, what they find is what [`defended`](crate::gemma::defended) finds, and the answer in hand is made again from
//! weights loaded anew: the operations spent on it are lost.
//!
//! **Not modelled**: upsets in the code, the tokens and the logits; what strikes a modelled request's cache or activations.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sunward_units::Flops;
use sunward_units::random::{Purpose, Stream};
use sunward_work::payload::{Answer, Incident, Payload, PayloadError, Progress, Remedy, Upset};

use crate::gemma::defended::ServingGuards;
use crate::gemma::{CacheRegion, Gemma, GemmaError, Role, Sampling, Session, Turn, WeightRegion};
use crate::memo::{Lineage, Memo, Store};
use crate::tensor_file::digest;

/// Part of a request that is rounding; more than the twin's own, so that an answer is there when its request is counted as done.
const ROUNDING: f64 = 2e-6;

/// What is asked where a mission names no prompts.
pub const PROMPTS: [&str; 8] = [
    "Why is the sky dark in orbit while the Sun shines?",
    "How does a satellite get rid of its heat?",
    "What is a dawn-dusk orbit good for?",
    "Explain what a bit flip is.",
    "Why do answers from orbit wait for a ground station?",
    "What happens to a computer when its battery is empty?",
    "Write a line about the shadow of the Earth.",
    "How far does light travel in one millisecond?",
];

/// How executed answers follow a simulated job.
#[derive(Debug, Clone, PartialEq)]
pub struct Serve {
    /// What the network is called in outputs.
    pub name: String,
    /// Operations of one request of the simulated job.
    pub unit: Flops,
    /// Share of them that reads the prompt.
    pub prompt_share: f64,
    /// Tokens that the simulated job writes for a request.
    pub simulated_tokens: f64,
    /// One request in so many is really answered.
    pub every: u64,
    /// Tokens of an answer at most.
    pub tokens: usize,
    /// How tokens are drawn; every answer has draws of its own.
    pub sampling: Sampling,
    /// What is asked, in turn.
    pub prompts: Vec<String>,
    /// What watches; `ranges` is not asked for, for want of answers known to be good.
    pub guards: ServingGuards,
    /// Tokens held back at most until the weights are verified.
    pub hold: usize,
}

/// A bit that an upset strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    /// Of the resident weights: it stays until they are loaded anew.
    Matrices(usize),
    Scales(usize),
    Norms(usize),
    /// Of the cache of the answer in hand.
    Keys(usize),
    Values(usize),
    /// Of what enters a layer in the next pass.
    Activation(usize, usize),
}

/// The answer in hand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct InHand {
    request: u64,
    tokens: Vec<u32>,
    /// Whether the network has ended it.
    ended: bool,
    /// What struck it, and before which token.
    struck: Vec<(usize, Place)>,
    lineage: Lineage,
}

/// What the network made of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Drawn {
    /// It.
    Token(u32),
    /// None: the answer has ended.
    End,
    /// Nothing that may be told: this defence alarmed.
    Caught(String),
}

/// How far an answer has come.
enum Reached {
    /// Its next token is not due.
    Pending,
    /// It is whole.
    Whole(Answer),
    /// A defence alarmed, and it begins anew.
    Caught(Incident),
}

/// Everything that decides what comes next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    /// Requests done, the one in hand in part.
    units: f64,
    /// Flipped bits of the weights since they were loaded.
    flipped: Vec<Place>,
    /// The weights' history.
    lineage: Lineage,
    answer: Option<InHand>,
}

/// A network and a sequence under way, as far as they were needed.
#[derive(Clone)]
struct Machine {
    gemma: Arc<Gemma>,
    flipped: Vec<Place>,
    session: Session,
    /// Digests of keys and values after the last token.
    sealed: [u64; 2],
    /// The answer's lineage up to which the session has come.
    computed: Option<Lineage>,
}

/// A [`Gemma`] as the twin's payload.
///
/// Its state is a count of requests, the tokens of the answer in hand and the bits that were struck; the network computes only what is
/// not remembered.
#[derive(Clone)]
pub struct ServingPayload {
    /// The network as it was loaded.
    gemma: Arc<Gemma>,
    serve: Serve,
    /// Tokens of each prompt.
    prompts: Vec<Vec<u32>>,
    start: Lineage,
    state: State,
    machine: Machine,
    /// Digests of the weights as they were loaded; none where they are not watched.
    shards: Vec<u64>,
    /// What leads to a lineage.
    memo: Memo<Drawn>,
    saved: usize,
    store: Arc<dyn Store>,
}

/// A network that cannot serve as it is asked to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is nothing to answer.
    #[error("no prompt is given, expected at least one")]
    NoPrompt,
    /// A prompt does not fit the network.
    #[error("prompt {number} has {found} tokens, expected at most {context} (the network's context less one)")]
    Prompt {
        /// Its number, from 1.
        number: usize,
        /// Its tokens, marks of the turns included.
        found: usize,
        /// Tokens that fit.
        context: usize,
    },
    /// The network refuses.
    #[error(transparent)]
    Gemma(#[from] GemmaError),
}

impl ServingPayload {
    /// A payload in which `gemma` answers. Tokens are remembered in `store`; `build` tells programs that might compute them differently
    /// apart.
    ///
    /// # Errors
    /// No prompt, one longer than the context, an unusable sampling.
    pub fn new(gemma: Gemma, serve: Serve, store: Arc<dyn Store>, build: u64) -> Result<Self, ServeError> {
        serve.sampling.validated()?;
        let prompt = |text: &String| {
            let turn = Turn { role: Role::User, text: text.clone() };
            Ok::<_, GemmaError>(gemma.tokenizer().encode(&gemma.conversation("", &[turn])?))
        };
        let prompts: Vec<Vec<u32>> = serve.prompts.iter().map(prompt).collect::<Result<_, _>>()?;
        let context = gemma.network().config().context;
        let longest = prompts.iter().map(Vec::len).max().ok_or(ServeError::NoPrompt)?;
        if let Some(index) = prompts.iter().position(|prompt| prompt.len() >= context) {
            let found = prompts[index].len();
            return Err(ServeError::Prompt { number: index + 1, found, context: context - 1 });
        }
        let mut described =
            format!("{:x} {:?} {} {:?}", gemma.network().digest(), serve.sampling, serve.tokens, gemma.endings());
        if serve.guards != ServingGuards::default() {
            described += &format!(" under {:?}, {} held back", serve.guards, serve.hold);
        }
        let start = Lineage::start(&described, build);
        let length = longest.saturating_add(serve.tokens).min(context);
        let session = Session::new(gemma.network(), copies(&serve.guards), length)?;
        let shards = if serve.guards.weights { gemma.network().shard_digests() } else { Vec::new() };
        let memo = Memo::load(store.as_ref(), start);
        let gemma = Arc::new(gemma);
        let machine =
            Machine { gemma: Arc::clone(&gemma), flipped: Vec::new(), session, sealed: [0; 2], computed: None };
        let state = State { units: 0.0, flipped: Vec::new(), lineage: start, answer: None };
        Ok(Self { saved: memo.len(), gemma, serve, prompts, start, state, machine, shards, memo, store })
    }

    /// Number of the prompt that a request bears.
    fn prompt_of(&self, request: u64) -> usize {
        (request / self.serve.every % self.prompts.len() as u64) as usize
    }

    /// The requests done when token `index` of a request's answer is drawn.
    fn due(&self, request: u64, index: usize) -> f64 {
        let share = (index + 1) as f64 / self.serve.tokens as f64;
        request as f64 + self.serve.prompt_share + (1.0 - self.serve.prompt_share) * share
    }

    /// The executed request that is in hand when so many requests are done.
    fn executed_at(&self, units: f64) -> Option<u64> {
        let request = (units + ROUNDING) as u64;
        request.is_multiple_of(self.serve.every).then_some(request)
    }

    /// The bit an upset strikes, all that it can reach being equally likely; none where only a modelled request is struck.
    fn place(&self, upset: &Upset, executed: bool) -> Option<Place> {
        let (network, session) = (self.gemma.network(), &self.machine.session);
        let (layers, width) = (network.config().layers.len(), network.config().width);
        let activations = 32 * layers * width;
        let weights = [WeightRegion::Matrices, WeightRegion::Scales, WeightRegion::Norms].map(|r| 8 * network.bytes(r));
        let cache = [CacheRegion::Keys, CacheRegion::Values].map(|region| 8 * session.bytes(region));
        let reach = if upset.memory_corrected { 0 } else { 1 };
        let sizes = [weights[0] * reach, weights[1] * reach, weights[2] * reach, cache[0] * reach, cache[1] * reach];
        let total: usize = sizes.iter().sum::<usize>() + activations;
        let mut bit = Stream::new(upset.draw, 1, Purpose::Strike).below(total, 0);
        let makers = [Place::Matrices, Place::Scales, Place::Norms, Place::Keys, Place::Values];
        for (make, size) in makers.into_iter().zip(sizes) {
            if bit < size {
                return Some(make(bit)).filter(|place| executed || place.stays());
            }
            bit -= size;
        }
        executed.then_some(Place::Activation(bit / (32 * width), bit % (32 * width)))
    }

    /// An upset when so many requests are done.
    fn strike(&mut self, upset: &Upset, units: f64) {
        let executed = self.executed_at(units);
        let Some(place) = self.place(upset, executed.is_some()) else { return };
        let answer = executed.map(|request| self.begin(request));
        match answer {
            Some(answer) => {
                answer.struck.push((answer.tokens.len(), place));
                answer.lineage = answer.lineage.mark(&place.bytes());
            }
            None => {
                self.state.flipped.push(place);
                self.state.lineage = self.state.lineage.mark(&place.bytes());
            }
        }
    }

    /// The answer to a request, begun if it is not in hand yet.
    fn begin(&mut self, request: u64) -> &mut InHand {
        let tokens = &self.prompts[self.prompt_of(request)];
        let bytes: Vec<u8> = [request as u32].iter().chain(tokens).flat_map(|word| word.to_le_bytes()).collect();
        let lineage = self.state.lineage.mark(&bytes);
        let fresh = || InHand { request, tokens: Vec::new(), ended: false, struck: Vec::new(), lineage };
        if self.state.answer.as_ref().is_some_and(|answer| answer.request != request) {
            self.state.answer = None;
        }
        self.state.answer.get_or_insert_with(fresh)
    }

    /// Draws what is due of a request's answer when `units` requests are done.
    fn answer(&mut self, request: u64, units: f64) -> Result<Reached, PayloadError> {
        self.begin(request);
        while let Some(answer) = &self.state.answer {
            let index = answer.tokens.len();
            if answer.ended || index == self.serve.tokens || self.due(request, index) > units + ROUNDING {
                break;
            }
            if let Some(guard) = self.draw().map_err(|error| PayloadError::Failed(error.to_string()))? {
                let spent = self.due(request, index) - request as f64;
                return Ok(Reached::Caught(self.drop_answer(request, guard, spent)));
            }
        }
        if request as f64 + 1.0 > units + ROUNDING {
            return Ok(Reached::Pending);
        }
        let Some(done) = self.state.answer.take() else { return Ok(Reached::Pending) };
        for (_, place) in done.struck.iter().filter(|(_, place)| place.stays()) {
            self.state.flipped.push(*place);
            self.state.lineage = self.state.lineage.mark(&place.bytes());
        }
        self.save();
        let asked = self.serve.prompts[self.prompt_of(request)].trim();
        let said = self.gemma.tokenizer().decode(&done.tokens);
        let text = format!("request {request} asked: {asked}\nanswer: {}", said.trim());
        Ok(Reached::Whole(Answer { unit: request, text }))
    }

    /// Throws away the answer in hand, on which `units_lost` were spent, and loads the weights anew.
    fn drop_answer(&mut self, request: u64, guard: String, units_lost: f64) -> Incident {
        let struck = self.state.answer.take().map_or(0, |answer| answer.struck.len());
        let upsets_undone = (struck + self.state.flipped.len()) as u32;
        self.state.flipped.clear();
        self.state.lineage = self.start;
        Incident { step: request, guard, remedy: Remedy::Recomputed, units_lost, upsets_undone }
    }

    /// The next token of the answer in hand, remembered or computed; the defence that does not let it pass, if one alarms.
    fn draw(&mut self) -> Result<Option<String>, GemmaError> {
        let Some(answer) = &self.state.answer else { return Ok(None) };
        let (request, index, next) = (answer.request, answer.tokens.len(), answer.lineage.mark(&[]));
        let drawn = match self.memo.step(next) {
            Some(drawn) => drawn.clone(),
            None => {
                let drawn = self.compute(request, index)?;
                self.machine.computed = Some(next);
                self.memo.insert(next, drawn.clone());
                drawn
            }
        };
        let Some(answer) = &mut self.state.answer else { return Ok(None) };
        answer.lineage = next;
        match drawn {
            Drawn::Token(token) => answer.tokens.push(token),
            Drawn::End => answer.ended = true,
            Drawn::Caught(guard) => return Ok(Some(guard)),
        }
        Ok(None)
    }

    /// Token `index` of the answer in hand by the network; none where the network ends it or the context is full.
    fn compute(&mut self, request: u64, index: usize) -> Result<Drawn, GemmaError> {
        let Some(answer) = self.state.answer.clone() else { return Ok(Drawn::End) };
        let guards = self.serve.guards;
        let prompt = self.prompts[self.prompt_of(request)].clone();
        let passes = if self.follows(&answer) {
            index..index + 1
        } else {
            self.machine.load(&self.gemma, &self.state.flipped);
            (0..copies(&guards)).for_each(|copy| self.machine.session.clear(copy));
            0..index + 1
        };
        for pass in passes {
            let ended = self.machine.session.length(0) == self.machine.session.context();
            let strikes = || answer.struck.iter().filter(|(before, _)| *before == pass).map(|(_, place)| *place);
            strikes().filter(|place| !place.passes()).for_each(|place| self.machine.flip(place));
            // An empty cache has no digest yet.
            if guards.cache && pass > 0 && self.machine.session.cache().map(digest) != self.machine.sealed {
                return Ok(Drawn::Caught("cache".to_owned()));
            }
            if ended {
                return Ok(self.let_go(Drawn::End, index));
            }
            // Only now is there a pass for these to strike.
            strikes().filter(|place| place.passes()).for_each(|place| self.machine.flip(place));
            let piece: &[u32] = match pass.checked_sub(1) {
                None => &prompt,
                Some(last) => &answer.tokens[last..pass],
            };
            let pieces: Vec<(usize, &[u32])> = (0..copies(&guards)).map(|copy| (copy, piece)).collect();
            let network = self.machine.gemma.network();
            let logits = self.machine.session.extend(network, &pieces)?;
            let (first, second) = logits.split_at(network.config().vocabulary);
            if pass == index {
                if let Some(guard) = judge(&guards, first, second) {
                    return Ok(Drawn::Caught(guard.to_owned()));
                }
                let sampling = Sampling { answer: request as u32, ..self.serve.sampling };
                let token = sampling.choose(first, index as u64);
                let drawn = if self.gemma.ends(token) { Drawn::End } else { Drawn::Token(token) };
                self.seal();
                return Ok(self.let_go(drawn, index));
            }
            self.seal();
        }
        Ok(Drawn::End)
    }

    /// Takes keys and values for right as they are.
    fn seal(&mut self) {
        if self.serve.guards.cache {
            self.machine.sealed = self.machine.session.cache().map(digest);
        }
    }

    /// What was drawn as token `index`, if it is not to be let go, or the weights it was made with are those that were loaded.
    fn let_go(&self, drawn: Drawn, index: usize) -> Drawn {
        let last = drawn == Drawn::End || index + 1 == self.serve.tokens;
        let due = self.serve.guards.weights && (last || (index + 1).is_multiple_of(self.serve.hold));
        if due && self.machine.gemma.network().shard_digests() != self.shards {
            return Drawn::Caught("weights".to_owned());
        }
        drawn
    }

    /// Whether the session stands where the answer in hand does, but for what strikes before its next token.
    fn follows(&self, answer: &InHand) -> bool {
        let pending = answer.struck.iter().filter(|(before, _)| *before == answer.tokens.len());
        let marked = pending.fold(self.machine.computed, |lineage, (_, place)| Some(lineage?.mark(&place.bytes())));
        !answer.tokens.is_empty() && marked == Some(answer.lineage)
    }

    /// Saves what is remembered when a twentieth of it is new.
    fn save(&mut self) {
        if self.memo.len() > self.saved + self.saved / 20 {
            self.memo.save(self.store.as_ref(), self.start);
            self.saved = self.memo.len();
        }
    }
}

/// Rows of each token.
fn copies(guards: &ServingGuards) -> usize {
    if guards.redundant { 2 } else { 1 }
}

/// The defence that does not let logits pass, computed once or twice.
fn judge(guards: &ServingGuards, first: &[f32], second: &[f32]) -> Option<&'static str> {
    if guards.finite && !first.iter().all(|logit| logit.is_finite()) {
        Some("finite")
    } else if guards.redundant && first.iter().zip(second).any(|(a, b)| a.to_bits() != b.to_bits()) {
        Some("redundant")
    } else {
        None
    }
}

impl Place {
    /// Whether it stays flipped until the weights are loaded anew.
    fn stays(self) -> bool {
        matches!(self, Self::Matrices(_) | Self::Scales(_) | Self::Norms(_))
    }

    /// Whether it is of what a pass computes, and gone with it.
    fn passes(self) -> bool {
        matches!(self, Self::Activation(..))
    }

    fn bytes(self) -> Vec<u8> {
        format!("{self:?}").into_bytes()
    }
}

impl Machine {
    /// The weights as loaded, but for these bits.
    fn load(&mut self, gemma: &Arc<Gemma>, flipped: &[Place]) {
        if !flipped.starts_with(&self.flipped) {
            (self.gemma, self.flipped) = (Arc::clone(gemma), Vec::new());
        }
        for place in &flipped[self.flipped.len()..] {
            self.flip(*place);
        }
    }

    fn flip(&mut self, place: Place) {
        let region = match place {
            Place::Matrices(bit) => (WeightRegion::Matrices, bit),
            Place::Scales(bit) => (WeightRegion::Scales, bit),
            Place::Norms(bit) => (WeightRegion::Norms, bit),
            Place::Keys(bit) => return self.session.flip(CacheRegion::Keys, bit),
            Place::Values(bit) => return self.session.flip(CacheRegion::Values, bit),
            Place::Activation(layer, bit) => return self.session.flip_activation(layer, bit),
        };
        Arc::make_mut(&mut self.gemma).network_mut().flip(region.0, region.1);
        self.flipped.push(place);
    }
}

impl Payload for ServingPayload {
    fn advance(&mut self, granted: Flops, upsets: &[Upset]) -> Result<Progress, PayloadError> {
        let (before, units) = (self.state.units, granted.0 / self.serve.unit.0);
        let mut after = before + units;
        let moment = |upset: &Upset| before + units * Stream::new(upset.draw, 0, Purpose::Strike).uniform(0);
        let mut strikes: Vec<(f64, &Upset)> = upsets.iter().map(|upset| (moment(upset), upset)).collect();
        strikes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut strikes: VecDeque<(f64, &Upset)> = strikes.into();
        let mut progress = Progress { units, ..Progress::default() };
        let first = (before + ROUNDING) as u64;
        let mut request = first.next_multiple_of(self.serve.every);
        while (request as f64) < after {
            let strike = strikes.pop_front_if(|(at, _)| *at < request as f64 + 1.0);
            let until = strike.map_or(after, |(at, _)| at);
            let reached = if until >= request as f64 { self.answer(request, until)? } else { Reached::Pending };
            match reached {
                Reached::Caught(incident) => {
                    // What was spent on the answer is lost: all that follows comes so much earlier in the count of requests.
                    strike.into_iter().for_each(|strike| strikes.push_front(strike));
                    strikes.iter_mut().for_each(|(at, _)| *at -= incident.units_lost);
                    after -= incident.units_lost;
                    progress.incidents.push(incident);
                    continue;
                }
                Reached::Whole(answer) => progress.answers.push(answer),
                Reached::Pending => {}
            }
            match strike {
                Some((at, upset)) => self.strike(upset, at),
                None => request += self.serve.every,
            }
        }
        strikes.into_iter().for_each(|(at, upset)| self.strike(upset, at));
        self.state.units = after;
        Ok(progress)
    }

    fn checkpoint(&self) -> Vec<u8> {
        serde_json::to_vec(&self.state).expect("numbers and lists are JSON")
    }

    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), PayloadError> {
        self.state = serde_json::from_slice(checkpoint)
            .map_err(|error| PayloadError::Checkpoint { got: checkpoint.len(), reason: error.to_string() })?;
        Ok(())
    }

    fn restart(&mut self, units: f64) -> Result<(), PayloadError> {
        self.state = State { units, flipped: Vec::new(), lineage: self.start, answer: None };
        Ok(())
    }

    fn proxy(&self) -> Option<String> {
        let Serve { name, every, tokens, simulated_tokens, .. } = &self.serve;
        let config = self.gemma.network().config();
        let names: Vec<&str> = self.serve.guards.each().into_iter().map(|(name, _)| name).collect();
        let under = if names.is_empty() { String::new() } else { format!(", defended by {}", names.join(", ")) };
        Some(format!(
            "{name} ({} layers, {} wide, {:?} weights), answering for real{under}; one executed request stands for {every} requests of the \
             simulated job, one executed token for {:.2} of its tokens",
            config.layers.len(),
            config.width,
            self.gemma.network().form(),
            simulated_tokens / *tokens as f64
        ))
    }
}

#[cfg(test)]
mod tests;
