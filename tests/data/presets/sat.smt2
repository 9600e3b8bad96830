; x is 4, or more.
(set-logic QF_LIA)
(declare-const x Int)
(assert (> x 3))
(check-sat)
