//! Sine, cosine and exponential in forms a compiler turns into vector instructions.
