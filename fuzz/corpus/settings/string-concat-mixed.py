VALUE = 'a' "b" r'\c' '''d'''
