// What Variables and operations are not made of.

// fine
Variable x(1.0), n(3), none;
Variable y = x * 2 + 1.0f - n / 3;
y += 1;
Variable z = pow(x, 2) + sum(x) * x[0];
x.data() -= 0.1 * x;
// error: is not supported
Variable x(std::string("1.0"));
// error: is not supported
Variable x(std::vector<double>{1.0});
// error: is not supported
double number = 0;
Variable x(&number);
// error: is not supported
Variable x(1.0);
x + std::string("1");
// error: std::basic_string<char>
Variable x(1.0);
x * std::string("1");
// error: is not supported
Variable x(1.0);
exp(std::vector<double>{1.0});
// error: deleted
Variable x(1.0);
x % 2;
