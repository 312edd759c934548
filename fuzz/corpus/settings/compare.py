A = 1 == 1
B = 'a' == 'A'
C = 1 == '1'
D = [1] == [1]
E = 'b' in 'abc'
F = 'x' in {'x': 1}
G = 3 in (1, 2)
H = 1 == True
I = None == False
