//! A Gemma network that answers on this machine in step with a simulated serving job.
//!
//! The twin grants operations, of which a request takes a fixed number. One request in `every` is really answered, the first of each
//! such run; the others are modelled: a *proxy*, and every output says so. While the twin works on an executed request, the share of its
//! operations that is done decides how much of the answer there is: first the prompt is read, then token after token is drawn. An eclipse
//! stops an answer between two tokens, a reboot throws it away and loads the weights anew, an upset flips a bit of weights, cache or
//! activations. An answer that ends of itself leaves the rest of its request's operations unused.
//!
//! **Not modelled**: upsets in the code, the tokens and the logits; what strikes a modelled request's cache or activations.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sunward_units::Flops;
use sunward_units::random::{Purpose, Stream};
use sunward_work::payload::{Answer, Payload, PayloadError, Progress, Upset};

use crate::gemma::{CacheRegion, Gemma, GemmaError, Role, Sampling, Session, Turn, WeightRegion};
use crate::memo::{Lineage, Memo, Store};

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
    /// The token that leads to a lineage; none ends the answer.
    memo: Memo<Option<u32>>,
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
        let described =
            format!("{:x} {:?} {} {:?}", gemma.network().digest(), serve.sampling, serve.tokens, gemma.endings());
        let start = Lineage::start(&described, build);
        let session = Session::new(gemma.network(), 1, longest.saturating_add(serve.tokens).min(context))?;
        let memo = Memo::load(store.as_ref(), start);
        let gemma = Arc::new(gemma);
        let machine = Machine { gemma: Arc::clone(&gemma), flipped: Vec::new(), session, computed: None };
        let state = State { units: 0.0, flipped: Vec::new(), lineage: start, answer: None };
        Ok(Self { saved: memo.len(), gemma, serve, prompts, start, state, machine, memo, store })
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

    /// Draws what is due of a request's answer when `units` requests are done; returns it when it is whole.
    fn answer(&mut self, request: u64, units: f64) -> Result<Option<Answer>, PayloadError> {
        self.begin(request);
        while let Some(answer) = &self.state.answer {
            let index = answer.tokens.len();
            if answer.ended || index == self.serve.tokens || self.due(request, index) > units + ROUNDING {
                break;
            }
            self.draw().map_err(|error| PayloadError::Failed(error.to_string()))?;
        }
        if request as f64 + 1.0 > units + ROUNDING {
            return Ok(None);
        }
        let Some(done) = self.state.answer.take() else { return Ok(None) };
        for (_, place) in done.struck.iter().filter(|(_, place)| place.stays()) {
            self.state.flipped.push(*place);
            self.state.lineage = self.state.lineage.mark(&place.bytes());
        }
        self.save();
        let asked = self.serve.prompts[self.prompt_of(request)].trim();
        let said = self.gemma.tokenizer().decode(&done.tokens);
        Ok(Some(Answer { unit: request, text: format!("request {request} asked: {asked}\nanswer: {}", said.trim()) }))
    }

    /// The next token of the answer in hand, remembered or computed.
    fn draw(&mut self) -> Result<(), GemmaError> {
        let Some(answer) = &self.state.answer else { return Ok(()) };
        let (request, index, next) = (answer.request, answer.tokens.len(), answer.lineage.mark(&[]));
        let token = match self.memo.step(next) {
            Some(token) => *token,
            None => {
                let token = self.compute(request, index)?;
                self.machine.computed = Some(next);
                self.memo.insert(next, token);
                token
            }
        };
        if let Some(answer) = &mut self.state.answer {
            answer.lineage = next;
            answer.tokens.extend(token);
            answer.ended = token.is_none();
        }
        Ok(())
    }

    /// Token `index` of the answer in hand by the network; none where the network ends it or the context is full.
    fn compute(&mut self, request: u64, index: usize) -> Result<Option<u32>, GemmaError> {
        let Some(answer) = self.state.answer.clone() else { return Ok(None) };
        let prompt = self.prompts[self.prompt_of(request)].clone();
        let passes = if self.follows(&answer) {
            index..index + 1
        } else {
            self.machine.load(&self.gemma, &self.state.flipped);
            self.machine.session.clear(0);
            0..index + 1
        };
        for pass in passes {
            if self.machine.session.length(0) == self.machine.session.context() {
                return Ok(None);
            }
            for (_, place) in answer.struck.iter().filter(|(before, _)| *before == pass) {
                self.machine.flip(*place);
            }
            let network = self.machine.gemma.network();
            let logits = match pass.checked_sub(1) {
                None => self.machine.session.prefill(network, 0, &prompt)?,
                Some(last) => self.machine.session.decode(network, &[(0, answer.tokens[last])])?,
            };
            if pass == index {
                let sampling = Sampling { answer: request as u32, ..self.serve.sampling };
                let token = sampling.choose(logits, index as u64);
                return Ok((!self.gemma.ends(token)).then_some(token));
            }
        }
        Ok(None)
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

impl Place {
    /// Whether it stays flipped until the weights are loaded anew.
    fn stays(self) -> bool {
        matches!(self, Self::Matrices(_) | Self::Scales(_) | Self::Norms(_))
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
        let after = before + units;
        let moment = |upset: &Upset| before + units * Stream::new(upset.draw, 0, Purpose::Strike).uniform(0);
        let mut strikes: Vec<(f64, &Upset)> = upsets.iter().map(|upset| (moment(upset), upset)).collect();
        strikes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut strikes = strikes.into_iter().peekable();
        let mut progress = Progress { units, ..Progress::default() };
        let first = (before + ROUNDING) as u64;
        let mut request = first.next_multiple_of(self.serve.every);
        while (request as f64) < after {
            while let Some((at, upset)) = strikes.next_if(|(at, _)| *at < request as f64 + 1.0) {
                if at >= request as f64 {
                    progress.answers.extend(self.answer(request, at)?);
                }
                self.strike(upset, at);
            }
            progress.answers.extend(self.answer(request, after)?);
            request += self.serve.every;
        }
        strikes.for_each(|(at, upset)| self.strike(upset, at));
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
        Some(format!(
            "{name} ({} layers, {} wide, {:?} weights), answering for real; one executed request stands for {every} requests of the \
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
