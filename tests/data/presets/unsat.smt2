; Nothing is more than 3 and less than 2, so there is no model to ask for.
(set-logic QF_LIA)
(declare-const x Int)
(assert (and (> x 3) (< x 2)))
(check-sat)
(get-model)
