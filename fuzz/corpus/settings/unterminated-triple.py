A = 1
B = '''abc

C = 2
