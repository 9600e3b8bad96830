% New clauses without end, none of which helps.
fof(associative, axiom, ![X, Y, Z]: f(X, f(Y, Z)) = f(f(X, Y), Z)).
fof(square, axiom, ![X]: f(X, X) = g(X)).
fof(step, axiom, ![X, Y]: (p(f(X, Y)) => p(f(g(Y), X)))).
fof(start, axiom, p(f(a, b))).
fof(goal, conjecture, p(c)).
