A = [x for x in 'abc']
