% Nobody said that men are mortal.
fof(socrates, axiom, man(socrates)).
fof(goal, conjecture, mortal(socrates)).
