using Dtt.Core.Errors;
using Dtt.Core.Platform;

namespace Dtt.Core.Tests.Platform;

public sealed class PostgresAddressTests
{
    [Theory]
    [InlineData("postgresql://ada@db.lab:6000/dtt", "db.lab:6000/dtt", "ada", null)]
    [InlineData("postgres://db/dtt", "db:5432/dtt", null, null)]
    [InlineData("postgresql://ada:p%2Fw%40x@[::1]:6000/d%20t?sslmode=verify-full", null, null, null)] // a database with a space
    [InlineData("postgresql://ada:p%2Fw%40x@[::1]:6000/dt?connect_timeout=3", "::1:6000/dt", "ada", "p/w@x")]
    [InlineData("postgresql://ada:p@w@db/dtt", "db:5432/dtt", "ada", "p@w")]
    [InlineData("postgresql:///dtt?host=/run/pg&port=6000&user=ada", "/run/pg:6000/dtt", "ada", null)]
    [InlineData("postgresql://%2Frun%2Fpg/dtt", "/run/pg:5432/dtt", null, null)]
    [InlineData("host=db port=6000 dbname=dtt user=ada password='p w\\'=;'", "db:6000/dtt", "ada", "p w'=;")]
    [InlineData(" host = db  dbname=dtt ", "db:5432/dtt", null, null)]
    [InlineData("Host=db;Port=6000;Database=dtt;User Id=ada;Password=\"p;w\"", "db:6000/dtt", "ada", "p;w")]
    [InlineData("Server=db;Database=dtt;Username=ada;Pwd=pw", "db:5432/dtt", "ada", "pw")]
    public void Parse_EveryForm_IsTheSameAddress(string text, string? name, string? user, string? password)
    {
        if (name is null)
        {
            Assert.Contains("the database holds a character", Assert.Throws<ConfigurationException>(() => PostgresAddress.Parse(text)).Message);
            return;
        }

        var address = PostgresAddress.Parse(text)!;
        Assert.Equal(name, address.Name);
        Assert.Equal((user, password), (address.Settings.GetValueOrDefault("Username"), address.Settings.GetValueOrDefault("Password")));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("  ")]
    public void Parse_Nothing_IsSqlite(string? text) => Assert.Null(PostgresAddress.Parse(text));

    [Theory]
    [InlineData("secret", "it is neither a postgresql:// URI nor key=value pairs")]
    [InlineData("mysql://ada:secret@db/dtt", "it is no postgresql:// URI")]
    [InlineData("postgresql://ada:secret@db", "it names no database")]
    [InlineData("postgresql://ada:secret@/dtt", "it names no host")]
    [InlineData("postgresql://ada:secret@db:0/dtt", "the port is not a number from 1 to 65535")]
    [InlineData("postgresql://ada:secret@a,b/dtt", "it names several hosts")]
    [InlineData("postgresql://ada:se/secret@db/dtt", "the port is not a number")]
    [InlineData("postgresql://ada:12/secret@db/dtt", "the database holds a character that no database has")]
    [InlineData("postgresql://ada:12?secret@db/dtt", "what follows the ? is not key=value&key=value")]
    [InlineData("postgresql://ada:secret@db/dtt?user=eve", "it gives 'Username' twice")]
    [InlineData("host=db dbname=dtt password=secret word", "it is neither a postgresql:// URI nor key=value pairs")]
    [InlineData("host=db dbname=dtt password=a;x=secret", "the host holds a character that no host has")]
    [InlineData("Host=db;Database", "it is not key=value;key=value")]
    public void Parse_WhatIsWrong_IsTold_WithoutAnyValue(string text, string words)
    {
        var refused = Assert.Throws<ConfigurationException>(() => PostgresAddress.Parse(text));
        Assert.StartsWith("DTT_POSTGRES cannot be used: ", refused.Message);
        Assert.Contains(words, refused.Message);
        Assert.Contains("Write it as postgresql://USER@HOST:5432/DATABASE, or leave it unset", refused.Message);
        Assert.DoesNotContain("secret", refused.Message);
    }

    [Fact]
    public void Parse_ARelativePasswordFile_IsAbsolute_AndTheAddressBeatsTheEnvironment()
    {
        Assert.Equal(Path.GetFullPath("pgpass"), PostgresAddress.Parse("postgresql://db/dtt", "pgpass")!.Settings["Passfile"]);
        Assert.Equal("/a", PostgresAddress.Parse("postgresql://db/dtt?passfile=/a", "/b")!.Settings["Passfile"]);
        Assert.False(PostgresAddress.Parse("postgresql://db/dtt", "")!.Settings.ContainsKey("Passfile"));
    }
}
