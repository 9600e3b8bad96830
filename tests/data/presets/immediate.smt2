; z3 ends at the error, and never comes to the second question.
(set-option :error-behavior immediate-exit)
(set-logic QF_LIA)
(declare-const x Int)
(assert (> x 3))
(check-sat)
(assert (< x y))
(check-sat)
