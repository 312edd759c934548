def later():
    global DEBUG
    DEBUG = True
    HOSTS.append('*')
    DB['x'] = 1
DEBUG = False
HOSTS = ['h']
DB = {}
OTHER = [1]
later()
add = lambda x: OTHER.append(x)
OTHER = [2]
add(1)
async def never():
    LOCAL = 1
KEPT = 3
