A = ['a']
B = A
B.append('b')
C = ['c']
D = C if f() else []
D += ['d']
E = [{}]
x = E[f()]
x['k'] = 1
G = [1]
H = g() or G
I = [1]
helper(I)
J = [1]
K = len(J)
