; The second question is about what nobody has declared: it has no answer.
(set-logic QF_LIA)
(declare-const x Int)
(assert (> x 3))
(check-sat)
(check-sat-assuming (undeclared))
