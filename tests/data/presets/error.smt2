; Nobody has declared y: z3 answers for what is left.
(set-logic QF_LIA)
(declare-const x Int)
(assert (and (> x 3) (< x y)))
(assert (> x 3))
(check-sat)
