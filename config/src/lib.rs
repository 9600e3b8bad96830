//! RON job specs: text in, a plan or every problem at once out.
