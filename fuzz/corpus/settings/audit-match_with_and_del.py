ENV = 'p'
GONE = 1
match ENV:
    case 'p':
        A = 1
    case B:
        pass
with open('/etc/key') as FILE:
    SECRET_KEY = FILE.read().strip()
del GONE
X, (Y, Z) = 1, (2, 3)
@decorated
def D():
    pass
