; Multiplication under quantifiers: nobody answers soon.
(set-logic ALL)
(declare-fun f (Int) Int)
(declare-const a Int)
(assert (forall ((x Int)) (= (f (+ (f x) 1)) (+ (* x x) (f (- x 1))))))
(assert (> (f a) 7))
(check-sat)
