% A bracket is missing.
fof(socrates, axiom, man(socrates.
