; One answer before the error, and one after it where the solver goes on.
(set-logic QF_LIA)
(declare-const x Int)
(assert (> x 3))
(check-sat)
(assert (< x y))
(assert (< x 3))
(check-sat)
