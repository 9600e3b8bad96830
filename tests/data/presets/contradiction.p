% From these follows anything.
fof(man, axiom, man(socrates)).
fof(no_man, axiom, ~man(socrates)).
fof(goal, conjecture, mortal(plato)).
