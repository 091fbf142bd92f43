using System.Text;
using Dtt.Core.Errors;
using Sylvan.Data.Csv;

namespace Dtt.Data.Text;

/// <summary>Documents of comma- or tab-separated values under a row of names (RFC 4180): the text column's value of each row.</summary>
internal sealed class CsvTextReader : RecordReader
{
    private const int BufferCharacters = 1 << 16;
    private readonly CsvDataReader _rows;
    private readonly (int Number, string Name) _column;
    private byte[] _document = new byte[1 << 12];
    private int _length;
    private long _line = 1, _nextLine = 1;

    public CsvTextReader(TextSlice slice, Stream stream, int most) : base(slice, most)
    {
        var options = new CsvDataReaderOptions
        {
            Delimiter = slice.Format == PieceFormat.TabSeparated ? '\t' : ',',
            ResultSetMode = ResultSetMode.SingleResult,
            BufferSize = Math.Min(BufferCharacters, most),
            MaxBufferSize = most,
            Comment = '\uFFFF', // none: a row may begin with any character
            OwnsReader = true,
        };
        var text = new Latin1Reader(slice.File, stream);
        try
        {
            _rows = Guarded(() => CsvDataReader.Create(text, options));
            _column = Column();
        }
        catch
        {
            text.Dispose();
            throw;
        }
    }

    public override ReadOnlySpan<byte> Document => _document.AsSpan(0, _length);

    private protected override string Field => _column.Name;

    private protected override string Place => $"the row at line {_line}";

    public override void Dispose() => _rows.Dispose();

    private protected override bool NextRecord()
    {
        _line = _nextLine;
        if (!Guarded(_rows.Read)) return false;
        var raw = _rows.GetRawRecordSpan();
        _nextLine += LinesOf(raw);
        _length = 0;
        if (raw.TrimEnd("\r\n").IsEmpty) return true; // an empty line is no row
        if (_rows.RowFieldCount != _rows.FieldCount) throw Wrong($"has {_rows.RowFieldCount:N0} values, and the first row names {_rows.FieldCount:N0}");
        var value = _rows.GetFieldSpan(_column.Number);
        if (_document.Length < value.Length) _document = new byte[Math.Min(Array.MaxLength, value.Length * 2L)];
        _length = Encoding.Latin1.GetBytes(value, _document);
        return true;
    }

    private (int, string) Column()
    {
        var names = Enumerable.Range(0, _rows.FieldCount).Select(i => Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(_rows.GetName(i)))).ToList();
        _nextLine += 1 + names.Sum(n => LinesOf(n));
        if (names.All(string.IsNullOrWhiteSpace)) throw Nameless();
        if (names is [var only] && only.IndexOfAny([';', '\t', ',', '|']) is >= 0 and var at)
        {
            throw new BadDataException($"{Slice.File}: its first row names one column, '{only}', which looks like several with '{only[at]}' between them. "
                + "Write a .csv with commas, or a .tsv with tabs.");
        }

        var number = TextColumn.Find(Slice.File, [.. names.Select(n => new TextColumn(n, "text", IsText: true, IsUsual: true))], Slice.TextField);
        return (number, names[number]);
    }

    /// <summary>Does something with the file; what the parser finds wrong is an error of the file, behind which nothing is known.</summary>
    private T Guarded<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (CsvRecordTooLargeException e)
        {
            throw new BadDataException(TooLong($"{Slice.File}: the row at line {LineOf(e)}", Most), e);
        }
        catch (CsvMissingHeadersException e)
        {
            throw Nameless(e);
        }
        catch (CsvFormatException e)
        {
            throw new BadDataException($"{Slice.File}: the row at line {LineOf(e)} is not quoted as it should be: {e.Message.TrimEnd('.')}. "
                + "A value with quotes, commas or line ends stands in quotes, and each quote in it twice.", e);
        }
    }

    /// <summary>Where the row begins that an error is of: it may be the one behind the names before those are given out.</summary>
    private long LineOf(CsvFormatException e) => _nextLine == 1 && e.RowNumber > 0 ? 2 : _nextLine;

    private BadDataException Nameless(Exception? inner = null) => new($"{Slice.File} begins with no row of names; write one that names the columns.", inner);

    /// <summary>How many line ends there are: LF, CR LF or CR.</summary>
    private static long LinesOf(ReadOnlySpan<char> text) => text.Count('\n') + text.Count('\r') - text.Count("\r\n");
}
