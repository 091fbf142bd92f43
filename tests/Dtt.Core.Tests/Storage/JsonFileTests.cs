using System.Text;
using Dtt.Core.Errors;
using Dtt.Core.Storage;
using Dtt.Tests;

namespace Dtt.Core.Tests.Storage;

public sealed class JsonFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("", ":1:1: this is not whole JSON")]
    [InlineData("{\"a\": 1,\n \"b\":", ":2:6: this is not whole JSON")]
    [InlineData("{\"a\": 1} {", ":1:10: this is not whole JSON")]
    [InlineData("{\"a\": NaN}", ":1:7: this is not whole JSON")]
    [InlineData("{\"a\": 1, \"a\": 2}", ": this is not whole JSON: Duplicate")]
    [InlineData("[1, 2]", " holds [1, 2], and an object")]
    [InlineData("{\"a\": \"\\ud83d\"}", ": the text at offset 6 holds half a surrogate pair")]
    [InlineData("{\"\\udc00\": 1}", ": the text at offset 1 holds half a surrogate pair")]
    public void ReadObject_OfSomethingElse_SaysWhere(string text, string message)
    {
        var file = _folder.Write("a.json", text);
        Assert.StartsWith(file + message, Assert.Throws<BadDataException>(() => JsonFile.ReadObject(file)).Message);
    }

    [Fact]
    public void ReadObject_OfBytesThatAreNotUtf8_SaysWhere()
    {
        File.WriteAllBytes(_folder["a.json"], [.. "{\"a\": \""u8, 0xC3, 0x28, .. "\"}"u8]);
        var error = Assert.Throws<BadDataException>(() => JsonFile.ReadObject(_folder["a.json"]));
        Assert.StartsWith($"{_folder["a.json"]}: the byte at offset 7 is not UTF-8", error.Message);
    }

    [Fact]
    public void ReadObject_OfAFolder_SaysThatItCannotBeRead() =>
        Assert.StartsWith($"{_folder.Path} cannot be read", Assert.Throws<BadDataException>(() => JsonFile.ReadObject(_folder.Path)).Message);

    [Fact]
    public void ReadObject_DropsAByteOrderMark()
    {
        File.WriteAllBytes(_folder["a.json"], [.. Encoding.UTF8.Preamble, .. "{\"a\": \"\\u00e9\"}"u8]);
        using var json = JsonFile.ReadObject(_folder["a.json"]);
        Assert.Equal("é", json.RootElement.GetProperty("a").GetString());
    }
}
