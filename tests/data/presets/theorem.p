% All men are mortal.
fof(men, axiom, ![X]: (man(X) => mortal(X))).
fof(socrates, axiom, man(socrates)).
fof(goal, conjecture, mortal(socrates)).
